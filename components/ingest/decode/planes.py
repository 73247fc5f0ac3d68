"""Luma and chroma: as what a picture is scaled, measured and stored.

Eyes see less detail in colours than in light and dark, and most JPEG files hold half as much of it. Scaled down by
themselves the colours are a tenth of the work that they are as part of RGB, and the encoder has nothing to convert.
"""

from dataclasses import dataclass

import cv2
import simplejpeg

from components.formats.shrinking import Pixels, Size, scaled, shrink, size_of

JPEG_QUALITY = 95

# Times luma's size: interpolation reads one pixel in six of a larger picture, and a pattern's colours become others.
_HALVED_ABOVE = 2.5


@dataclass(frozen=True)
class Planes:
    """A picture as the Y'CbCr of JPEG (ITU-T T.871, section 7), full range; uint8.

    Attributes:
        luma: Shape [height, width].
        blue: Blue-difference chroma, shape [ceil(height / 2), ceil(width / 2)].
        red: Red-difference chroma, of the same shape.
    """

    luma: Pixels
    blue: Pixels
    red: Pixels


def planes(pixels: Pixels, shorter_side_px: int, size_px: Size | None = None) -> Planes:
    """Scales a picture down, unless it is small enough, and separates light from colour.

    Args:
        pixels: RGB, uint8 [height, width, 3].
        shorter_side_px: Upper limit of the shorter side.
        size_px: How much of the pixels the picture takes, from the upper left; by default all.

    Returns:
        Luma as `shrink` scales it, and chroma of half its size. That is halved while it is far too large and otherwise
        interpolated: it is smooth, and on photographs a Lanczos filter's is half a grey level away on average.
    """
    size_px = size_px or size_of(pixels)
    luma = shrink(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), shorter_side_px, size_px)
    coarse = cv2.cvtColor(_half(pixels, luma, size_px), cv2.COLOR_RGB2YCrCb)
    return Planes(luma, blue=cv2.extractChannel(coarse, 2), red=cv2.extractChannel(coarse, 1))


def _half(pixels: Pixels, luma: Pixels, size_px: Size) -> Pixels:
    """Scales pixels to half of luma's size; a sample stands for two pixels of luma, even at an edge with one."""
    height_px, width_px = luma.shape
    while max(size_px[0] / width_px, size_px[1] / height_px) > _HALVED_ABOVE:
        pixels, size_px = _paired(pixels), (size_px[0] / 2, size_px[1] / 2)
    return scaled(pixels, (width_px / 2, height_px / 2), size_px, cv2.INTER_LINEAR)


def _paired(pixels: Pixels) -> Pixels:
    """Returns the means of 2 x 2 pixels; at an odd edge the last ones count twice."""
    rows, columns = pixels.shape[:2]
    if rows % 2 or columns % 2:
        pixels = cv2.copyMakeBorder(pixels, 0, rows % 2, 0, columns % 2, cv2.BORDER_REPLICATE)
    return cv2.resize(pixels, (pixels.shape[1] // 2, pixels.shape[0] // 2), interpolation=cv2.INTER_AREA)


def encode_jpeg(picture: Planes) -> bytes:
    """Encodes planes as JPEG with chroma at half the resolution (4:2:0)."""
    luma, (height_px, width_px) = picture.luma, picture.luma.shape
    if height_px % 2 or width_px % 2:
        # libjpeg-turbo reads rows and columns of luma in pairs, at an odd edge from whatever lies behind it in memory.
        even = cv2.copyMakeBorder(luma, 0, height_px % 2, 0, width_px % 2, cv2.BORDER_REPLICATE)
        luma = even[:height_px, :width_px]
    return bytes(simplejpeg.encode_jpeg_yuv_planes(luma, picture.blue, picture.red, quality=JPEG_QUALITY))
