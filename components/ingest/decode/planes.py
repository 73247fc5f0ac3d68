"""Luma and chroma: as what a picture is scaled, measured and stored.

Eyes see less detail in colours than in light and dark, and most JPEG files hold half as much of it. Scaled down by
themselves the colours are a tenth of the work that they are as part of RGB, and the encoder has nothing to convert.
"""

from dataclasses import dataclass

import cv2
import simplejpeg

from components.formats.pixels import Pixels, shrink

JPEG_QUALITY = 95

_HAIR = 1e-9
_AVERAGED_ABOVE = 4


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


def planes(pixels: Pixels, shorter_side_px: int) -> Planes:
    """Scales a picture down, unless it is small enough, and separates light from colour.

    Args:
        pixels: RGB, uint8 [height, width, 3].
        shorter_side_px: Upper limit of the shorter side.

    Returns:
        Luma as `shrink` scales it. Chroma is interpolated linearly to half of that: it is smooth, and on photographs an
        area average comes no more than a quarter of a grey level closer to a Lanczos filter, in ten times the time.
        From more than four times the size it is averaged all the same: patterns of colour would come out as others.
    """
    luma = shrink(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), shorter_side_px)
    # By factors, not to a size: a sample stands for two pixels of luma, even at an edge that has but one. OpenCV rounds
    # the size, and a half to the even number: hence a hair more.
    down, across = ((2 * large) / (small + _HAIR) for small, large in zip(luma.shape, pixels.shape[:2], strict=True))
    averaged = max(down, across) > _AVERAGED_ABOVE
    filter_ = cv2.INTER_AREA if averaged else cv2.INTER_LINEAR
    half = cv2.resize(pixels, None, fx=1 / across, fy=1 / down, interpolation=filter_)
    coarse = cv2.cvtColor(half, cv2.COLOR_RGB2YCrCb)
    return Planes(luma, blue=cv2.extractChannel(coarse, 2), red=cv2.extractChannel(coarse, 1))


def encode_jpeg(picture: Planes) -> bytes:
    """Encodes planes as JPEG with chroma at half the resolution (4:2:0)."""
    luma, (height_px, width_px) = picture.luma, picture.luma.shape
    if height_px % 2 or width_px % 2:
        # libjpeg-turbo reads rows and columns of luma in pairs, at an odd edge from whatever lies behind it in memory.
        even = cv2.copyMakeBorder(luma, 0, height_px % 2, 0, width_px % 2, cv2.BORDER_REPLICATE)
        luma = even[:height_px, :width_px]
    return bytes(simplejpeg.encode_jpeg_yuv_planes(luma, picture.blue, picture.red, quality=JPEG_QUALITY))
