"""How much memory an image takes to decode, judged by its header."""

import math

from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile
from PIL.TiffImagePlugin import TiffImageFile

from components.formats.low_pass import AVERAGED_ABOVE
from components.formats.pixels import EXIF_ORIENTATION, jpeg_eighths

# Images that take more are decoded at once only while they take no more than `image_memory_mb` together. By default two
# decoders with what they have loaded, such images, one small one and the step itself then stay below 600 MB, and a
# phone's 48 megapixels fit as HEIC of up to 9 MB.
SMALL_BYTES = 32 * 2**20

_WORKING_BYTES = 6 * 2**20  # rows that are being converted, and what a decoder has for itself
# Bytes a pixel at the peak, measured; these decoders hold several copies of the whole image, or parts of it.
_WEBP, _AVIF, _HEIF, _HEIF_ALPHA, _GIF = 17, 16, 4.9, 7, 2
# Bytes a pixel of what is stored while its colours are converted: samples, Pillow's image of them, its sRGB image, and
# that as bytes twice.
_CONVERTED = 18
_COMPRESSION, _ROWS_PER_STRIP = 259, 278  # TIFF 6.0, section 8
_SMALL_MODES = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16B": 2, "I;16L": 2}  # Pillow gives other modes four bytes


def decoding_bytes(image: Image.Image, shorter_side_px: int) -> int:
    """Estimates the memory that `pixels.decode_opened` takes at its peak, the encoded bytes left aside.

    Args:
        image: What `pixels.read_header` returned.
        shorter_side_px: What it will be scaled down to.

    Returns:
        Bytes; rather too many than too few.
    """
    kept = min(1, shorter_side_px / min(image.size))
    pixels = image.width * image.height
    converted = _CONVERTED * pixels * kept**2
    if isinstance(image, JpegImageFile):
        return _WORKING_BYTES + math.ceil(max(_jpeg_bytes(image, shorter_side_px), converted))
    narrowed = (4 if image.mode == "CMYK" else 3) * pixels * kept
    filtered = narrowed * min(1, AVERAGED_ABOVE * kept)
    scaled = 2 * narrowed + 2 * filtered  # strips and the whole of them; what is averaged and what is filtered of that
    return _WORKING_BYTES + math.ceil(pixels * _bytes_a_pixel(image) + max(scaled, converted))


def _jpeg_bytes(image: JpegImageFile, shorter_side_px: int) -> int:
    scale = jpeg_eighths(min(image.size), shorter_side_px) / 8
    pixels = image.width * image.height
    decoded = len(image.getbands()) * math.ceil(pixels * scale**2)
    return 3 * decoded + (_coefficient_bytes(image) if _has_several_scans(image) else 0)


def _has_several_scans(image: JpegImageFile) -> bool:
    """Tells whether the first scan lacks something: then libjpeg holds all coefficients until the last one.

    Pillow stops reading behind the header of the first scan, which says how many components are in it.
    """
    if image.info.get("progressive"):
        return True
    components = len(image.layer)
    header_bytes = 8 + 2 * components  # ITU-T T.81, B.2.3, with its marker
    if not image.fp:  # loaded, and read to the end
        return True
    image.fp.seek(-header_bytes, 1)
    return image.fp.read(5) != b"\xff\xda" + (header_bytes - 2).to_bytes(2, "big") + bytes([components])


def _coefficient_bytes(image: JpegImageFile) -> int:
    sampling = [(horizontal, vertical) for _, horizontal, vertical, _ in image.layer]
    widest, tallest = (max(factors) for factors in zip(*sampling, strict=True))
    share = sum(horizontal * vertical for horizontal, vertical in sampling) / (widest * tallest)
    return math.ceil(2 * share * (image.width + 16) * (image.height + 16))


def _bytes_a_pixel(image: Image.Image) -> float:
    if isinstance(image, TiffImageFile):  # one strip is decompressed beside the picture, or the turned picture is
        return _plain_bytes(image) * (2 if _is_turned(image) or _is_one_strip(image) else 1) + 0.4
    deep = 2 if image.info.get("bit_depth", 8) > 8 else 1
    heif = deep * (_HEIF_ALPHA if "A" in image.mode else _HEIF)
    several_copies = {"WEBP": _WEBP, "AVIF": _AVIF, "HEIF": heif, "GIF": _GIF}
    return several_copies.get(image.format or "", _plain_bytes(image) + 0.1)


def _plain_bytes(image: Image.Image) -> int:
    return _SMALL_MODES.get(image.mode, 4)


def _is_turned(image: TiffImageFile) -> bool:
    return image.getexif().get(EXIF_ORIENTATION, 1) != 1


def _is_one_strip(image: TiffImageFile) -> bool:
    tags = image.tag_v2
    return tags.get(_COMPRESSION, 1) != 1 and tags.get(_ROWS_PER_STRIP, image.height) >= image.height
