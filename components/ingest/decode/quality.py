"""Signals of an image's technical quality: numbers for reports, and flags for what people often want to look at.

The flags are those of CleanVision (cleanlab/cleanvision), which names them odd size, odd aspect ratio, low information,
light, dark and blurry; the thresholds are its own except where a comment says otherwise.
"""

import math
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from components.formats.shrinking import Pixels, shrink
from components.ingest.parameters import QualityFlag

Counts = NDArray[np.float32]

SHARPNESS_SIDE_PX = 256  # at which sharpness is measured: it depends on the scale
# A Gaussian blur of two pixels at that scale takes 19 of 20 photographs below it. The least sharp of the 1,728 scenes
# and objects it was chosen on has 45; CleanVision's 34 is for pictures at full size.
BLURRED_SHARPNESS = 25
DARK_SHARE, DARK_BELOW = 0.99, 0.32  # all but the lightest hundredth are darker than that
BRIGHT_SHARE, BRIGHT_ABOVE = 0.95, 0.95  # all but the darkest twentieth are lighter than that
FEATURELESS_ENTROPY_BITS = 3.0  # CleanVision: 0.3 of 10 bits
ELONGATED_ASPECT = 1 / 0.35
SMALL_SIDE_PX = 112  # half the 224 pixels that most backbones take

_LEVELS = np.arange(256)
_DARK, _BRIGHT = slice(math.ceil(255 * DARK_BELOW)), slice(math.floor(255 * BRIGHT_ABOVE) + 1, None)


class Quality(NamedTuple):
    """What can be said of a picture without knowing what it shows.

    Attributes:
        sharpness: Variance of the Laplacian of the grey picture at a shorter side of 256 pixels or its own if smaller
            (Pech-Pacheco et al., "Diatom autofocusing in brightfield microscopy: a comparative study", ICPR 2000,
            section 2, LAPV); 0 and up, ordinary photographs hundreds to thousands.
        brightness: Mean luma (ITU-R BT.601), in [0, 1].
        entropy_bits: Shannon entropy of the histogram of 256 grey levels, in [0, 8].
        flags: What stands out, in the order of `QualityFlag`.
    """

    sharpness: float
    brightness: float
    entropy_bits: float
    flags: tuple[QualityFlag, ...]


def quality(luma: Pixels, source_size_px: tuple[int, int]) -> Quality:
    """Measures a picture; takes about a tenth of a millisecond.

    Args:
        luma: uint8 [height, width], scaled down.
        source_size_px: Width and height before, in any order.

    Returns:
        The signals.
    """
    # The histogram is of one or two dimensions, by version.
    counts: Counts = cv2.calcHist([luma], [0], None, [256], [0, 256]).ravel()
    sharpness = _laplacian_variance(shrink(luma, SHARPNESS_SIDE_PX))
    entropy_bits = _entropy_bits(counts, luma.size)
    shorter_px, longer_px = sorted(source_size_px)
    stands_out: dict[QualityFlag, bool] = {
        "blurred": sharpness < BLURRED_SHARPNESS,
        "dark": counts[_DARK].sum() >= DARK_SHARE * luma.size,
        "bright": counts[_BRIGHT].sum() > BRIGHT_SHARE * luma.size,
        "featureless": entropy_bits < FEATURELESS_ENTROPY_BITS,
        "elongated": longer_px > ELONGATED_ASPECT * shorter_px,
        "small": shorter_px < SMALL_SIDE_PX,
    }
    brightness = float(counts @ _LEVELS) / (255 * luma.size)
    flags = tuple(flag for flag, stands in stands_out.items() if stands)
    return Quality(sharpness, brightness, entropy_bits, flags)


def _laplacian_variance(grey: Pixels) -> float:
    laplacian = cv2.Laplacian(grey, cv2.CV_16S)
    mean_square = cv2.norm(laplacian, cv2.NORM_L2SQR) / grey.size  # in a tenth of the time of cv2.meanStdDev
    return float(mean_square - cv2.mean(laplacian)[0] ** 2)


def _entropy_bits(counts: Counts, pixels: int) -> float:
    # The sum of -p log p with p = count / pixels, multiplied out; a level that does not occur adds nothing.
    return max(0.0, math.log2(pixels) - float(counts @ np.log2(np.maximum(counts, 1))) / pixels)
