"""Bytes to pixels, outside TensorFlow: the one decode and the one way to shrink.

Ingest turns whatever people upload into upright RGB and stores it as JPEG. `tensors.py` holds the same
rules as TensorFlow operations for training and serving; a test compares the two on the same files.
"""

import io
import struct

import cv2
import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import Image

from components._errors import InputError

Pixels = NDArray[np.uint8]

EXIF_ORIENTATION = 0x0112
JPEG_QUALITY = 95
MAX_PIXELS = 178_956_970  # Pillow's own limit for a decompression bomb


def upright_size_px(data: bytes) -> tuple[int, int]:
    """Returns an encoded image's (width, height) after its EXIF orientation, without decoding it.

    Raises:
        InputError: If the bytes are not an image that can be read.
    """
    with _open(data) as image:
        width_px, height_px = image.size
        return (height_px, width_px) if _orientation(image) >= 5 else (width_px, height_px)


def decode(data: bytes, shorter_side_px: int) -> Pixels:
    """Decodes an image, upright, its shorter side scaled down to a limit.

    A smaller image keeps its size. JPEG files are decoded at the smallest of libjpeg's scales (n/8) that
    is still at least as large as asked for, which skips most of the work on large photographs.

    Args:
        data: An encoded image: JPEG, PNG, WebP, GIF (first frame), BMP or TIFF.
        shorter_side_px: Upper limit of the shorter side; at least 1.

    Returns:
        RGB pixels in [0, 255], uint8, shape [height, width, 3].

    Raises:
        InputError: If the bytes are not an image that can be decoded in full.
    """
    with _open(data) as image:
        orientation = _orientation(image)
        if image.format in ("JPEG", "MPO") and image.mode in ("RGB", "L"):
            pixels = _decode_jpeg(data, image.size, shorter_side_px)
        else:
            pixels = _decode_with_pillow(image)
    return shrink(orient(pixels, orientation), shorter_side_px)


def orient(pixels: Pixels, orientation: int) -> Pixels:
    """Turns pixels upright.

    Args:
        pixels: Shape [height, width, 3].
        orientation: EXIF tag 0x0112 in [1, 8] (Exif 2.32, section 4.6.4 A, "Orientation").

    Returns:
        The upright pixels; for orientations from 5 on height and width change places.
    """
    if orientation >= 5:
        pixels = pixels.transpose(1, 0, 2)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)


def shrink(pixels: Pixels, shorter_side_px: int) -> Pixels:
    """Scales pixels down by area averaging until the shorter side meets the limit; never up.

    Args:
        pixels: Shape [height, width, 3].
        shorter_side_px: Upper limit of the shorter side.

    Returns:
        Shape [height', width', 3], aspect ratio kept to the nearest pixel.
    """
    height_px, width_px = pixels.shape[:2]
    shorter = min(height_px, width_px)
    if shorter <= shorter_side_px:
        return pixels
    size = (round(width_px * shorter_side_px / shorter), round(height_px * shorter_side_px / shorter))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def encode_jpeg(pixels: Pixels) -> bytes:
    """Encodes RGB pixels [height, width, 3] as JPEG without chroma subsampling."""
    return bytes(simplejpeg.encode_jpeg(pixels, quality=JPEG_QUALITY, colorspace="RGB", colorsubsampling="444"))


def _open(data: bytes) -> Image.Image:
    if not data:
        raise InputError("empty file")
    try:
        image = Image.open(io.BytesIO(data))
    except Image.DecompressionBombError as error:
        raise InputError(f"more than {MAX_PIXELS} pixels") from error
    except (OSError, SyntaxError, ValueError, RuntimeError) as error:
        raise InputError(f"not an image: it begins with {data[:16]!r}") from error
    if image.width * image.height > MAX_PIXELS:
        raise InputError(f"{image.width} x {image.height}: more than {MAX_PIXELS} pixels")
    return image


def _orientation(image: Image.Image) -> int:
    """Reads the EXIF block that precedes the pixels; `image.getexif` would decode a whole PNG to look behind them."""
    if image.format == "TIFF":
        return 1  # Pillow turns TIFF upright itself
    exif = Image.Exif()
    try:
        exif.load(image.info.get("exif", b""))
        value = exif.get(EXIF_ORIENTATION, 1)
    except (OSError, SyntaxError, ValueError, struct.error):
        return 1  # a damaged block says nothing about the pixels
    return value if value in range(1, 9) else 1


def _decode_jpeg(data: bytes, size_px: tuple[int, int], shorter_side_px: int) -> Pixels:
    limit = shorter_side_px if min(size_px) > shorter_side_px else 0  # 0: at full size
    try:
        return np.asarray(simplejpeg.decode_jpeg(data, "RGB", min_height=limit, min_width=limit, min_factor=1))
    except ValueError as error:
        raise InputError(f"damaged JPEG: {error}") from error


def _decode_with_pillow(image: Image.Image) -> Pixels:
    try:
        if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
            rgba = image.convert("RGBA")
            image = Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba)
        elif image.mode.startswith("I;16"):  # Pillow would clip at 255 instead of scaling
            image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
        return np.asarray(image.convert("RGB"), dtype=np.uint8)
    except (OSError, SyntaxError, ValueError, EOFError, RuntimeError) as error:
        raise InputError(f"damaged {image.format}: {error}") from error
