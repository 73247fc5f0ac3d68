import cv2
import numpy as np
import pytest

from components.ingest.decode.quality import BLURRED_SHARPNESS, ELONGATED_ASPECT, SMALL_SIDE_PX, quality


def _of(grey, source_px=None):
    """Measures a grey picture, whose source may have had another size."""
    luma = np.asarray(grey, np.uint8)
    return quality(luma, source_px or luma.shape[::-1])


def _detailed(shape=(256, 256)):
    return np.random.default_rng(0).integers(30, 226, shape)


def test_an_ordinary_picture_has_no_flags():
    assert _of(_detailed()).flags == ()


def test_two_levels_are_one_bit_and_half_as_bright_as_white():
    halves = np.zeros((200, 200))
    halves[:, 100:] = 255
    measured = _of(halves)
    assert measured.entropy_bits == pytest.approx(1)
    assert measured.brightness == pytest.approx(0.5)
    assert measured.flags == ("featureless",)


def test_sharpness_is_the_variance_of_the_laplacian():
    grey = _detailed()
    inside = (grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:] - 4 * grey[1:-1, 1:-1]).var()
    assert _of(grey).sharpness == pytest.approx(inside, rel=0.02)  # all but the border


def test_sharpness_is_measured_at_one_scale():
    small = cv2.GaussianBlur(_detailed().astype(np.uint8), (0, 0), 1)
    large = cv2.resize(small, (1024, 1024), interpolation=cv2.INTER_CUBIC)
    assert _of(large).sharpness == pytest.approx(_of(small).sharpness, rel=0.01)


def test_a_blurred_picture():
    soft = cv2.GaussianBlur(_detailed().astype(np.uint8), (0, 0), 4)
    soft = cv2.normalize(soft, None, 0, 255, cv2.NORM_MINMAX)
    measured = _of(cv2.GaussianBlur(soft, (0, 0), 4))
    assert measured.sharpness < BLURRED_SHARPNESS
    assert measured.flags == ("blurred",)


@pytest.mark.parametrize(
    ("low", "high", "share_of_white", "flags"),
    [(0, 80, 0, ("dark",)), (0, 80, 0.02, ()), (0, 90, 0, ()), (245, 256, 0, ("bright",)), (200, 256, 0, ())],
)
def test_dark_and_bright_go_by_all_but_a_few_pixels(low, high, share_of_white, flags):
    """A night street with lamps isn't dark, nor is a snowfield with a dark tree bright."""
    rng = np.random.default_rng(0)
    grey = rng.integers(low, high, (256, 256))
    grey[rng.random(grey.shape) < share_of_white] = 255
    assert _of(grey).flags == flags


@pytest.mark.parametrize("level", [0, 128, 255])
def test_one_level_has_neither_entropy_nor_edges(level):
    measured = _of(np.full((100, 100), level))
    assert (measured.sharpness, measured.entropy_bits) == (0, 0)
    assert measured.brightness == pytest.approx(level / 255)
    assert {"blurred", "featureless"} < set(measured.flags)


@pytest.mark.parametrize(
    ("source_px", "flags"),
    [
        ((1000, 340), ("elongated",)), ((340, 1000), ("elongated",)), ((1000, 360), ()),
        ((SMALL_SIDE_PX - 1, 200), ("small",)), ((SMALL_SIDE_PX, 200), ()), ((300, 100), ("elongated", "small")),
    ],
)  # fmt: skip
def test_the_source_s_size_counts_not_the_stored_one(source_px, flags):
    assert pytest.approx(2.857, abs=0.001) == ELONGATED_ASPECT
    assert _of(_detailed(), source_px).flags == flags


def test_one_pixel():
    assert _of(np.zeros((1, 1))).sharpness == 0
