"""Scaling pictures down, outside TensorFlow; see `low_pass.py` for how."""

import math
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from components.formats.low_pass import AVERAGED_ABOVE, AVERAGED_TO, REACH, SHARPER

Pixels = NDArray[np.uint8]
Size = tuple[float, float]  # width and height in pixels; a picture can end within its last one

_HAIR = 1e-9  # pixels

cv2.ipp.setUseIPP_NotExact(True)  # Intel's library, where there is one, is twice as fast and a level off at times


def size_of(pixels: Pixels) -> Size:
    """Returns the size of a picture that takes all of its pixels."""
    height_px, width_px = pixels.shape[:2]
    return width_px, height_px


def shrink(pixels: Pixels, shorter_side_px: int, size_px: Size | None = None) -> Pixels:
    """Scales pixels down until the shorter side meets the limit, never up.

    Args:
        pixels: Shape [height, width] or [height, width, channels].
        shorter_side_px: Upper limit of the shorter side.
        size_px: How much of them the picture takes, from the upper left; by default all.

    Returns:
        The same with height' and width' of `scaled_size`.
    """
    size_px = size_px or size_of(pixels)
    return resized(pixels, scaled_size(size_px, shorter_side_px), size_px)


def scaled_size(size_px: Size, shorter_side_px: int) -> tuple[int, int]:
    """Returns the width and height that `shrink` gives: the aspect ratio is kept to the nearest pixel."""
    shorter = min(size_px)
    width_px, height_px = (round(side * min(shorter_side_px, shorter) / shorter) for side in size_px)
    return width_px, height_px


def resized(pixels: Pixels, new_size_px: tuple[int, int], size_px: Size) -> Pixels:
    """Scales pixels to another width and height, neither longer than before; the rest as for `shrink`."""
    if size_of(pixels) == new_size_px:
        return pixels
    sides = tuple(zip(size_px, new_size_px, strict=True))
    width, height = (AVERAGED_TO * new if old > AVERAGED_ABOVE * new else old for old, new in sides)
    if (width, height) != size_px:
        pixels = scaled(pixels, (width, height), size_px, cv2.INTER_AREA)
    across, down = _low_pass(width / new_size_px[0]), _low_pass(height / new_size_px[1])
    pixels = cv2.sepFilter2D(pixels, -1, across, down, borderType=cv2.BORDER_REPLICATE)
    return scaled(pixels, new_size_px, (width, height), cv2.INTER_LINEAR)


def scaled(pixels: Pixels, new_size_px: Size, size_px: Size, interpolation: int) -> Pixels:
    """Scales pixels by one of OpenCV's ways alone, to a size that can end within a pixel; the rest as for `resized`."""
    width_px, height_px = (math.ceil(side) for side in new_size_px)
    if size_px == size_of(pixels) and new_size_px == (width_px, height_px):
        return np.asarray(cv2.resize(pixels, (width_px, height_px), interpolation=interpolation), np.uint8)
    # By factors, in twice the time: whole sizes would count what lies beyond the picture in its last pixel. OpenCV
    # rounds the size that it makes of them, and a half to the even number: hence a hair more. Not for a side that stays
    # as it is: OpenCV averages no areas where one grows.
    across, down = (1 if new == old else (new + _HAIR) / old for old, new in zip(size_px, new_size_px, strict=True))
    larger = cv2.resize(pixels, None, fx=across, fy=down, interpolation=interpolation)
    return np.asarray(larger[:height_px, :width_px], np.uint8)


@lru_cache(maxsize=1024)
def _low_pass(ratio: float) -> NDArray[np.float32]:
    if ratio == 1:
        return np.ones(1, np.float32)
    reach = math.ceil(REACH * ratio)
    x = np.arange(-reach, reach + 1) * SHARPER / ratio
    weights = np.sinc(x) * np.sinc(x / 3)
    return (weights / weights.sum()).astype(np.float32)
