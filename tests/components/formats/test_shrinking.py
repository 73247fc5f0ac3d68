import cv2
import numpy as np
import pytest
from PIL import Image

from components.formats.shrinking import scaled_size, shrink


def _blotches(width_px, height_px):
    coarse = np.random.default_rng(0).integers(0, 256, (9, 12, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((width_px, height_px), Image.Resampling.BICUBIC))


@pytest.mark.parametrize("shorter_side_px", [1, 2, 30, 63, 64, 65, 100])
@pytest.mark.parametrize("size_px", [(1, 1), (2, 900), (64, 64), (65, 64), (66, 190), (211, 150), (700, 500)])
def test_a_flat_picture_stays_flat(size_px, shorter_side_px):
    small = shrink(np.full((*size_px[::-1], 3), (7, 128, 250), np.uint8), shorter_side_px)
    assert small.shape == (*scaled_size(size_px, shorter_side_px)[::-1], 3)
    assert (small == (7, 128, 250)).all()


def _grainy(width_px, height_px):
    """Blotches with detail as fine as pixels are."""
    grain = np.random.default_rng(1).normal(0, 20, (height_px, width_px, 3))
    return (_blotches(width_px, height_px) + grain).clip(0, 255).astype(np.uint8)


def _error(one, other):
    return np.sqrt(((one.astype(float) - other) ** 2).mean())


@pytest.mark.parametrize("shorter_px", [90, 115, 150, 178, 250, 400, 900])
def test_it_comes_closer_to_a_lanczos_filter_than_simpler_ways(shorter_px):
    picture = _grainy(shorter_px * 3 // 2, shorter_px)
    lanczos = np.asarray(Image.fromarray(picture).resize((96, 64), Image.Resampling.LANCZOS))
    error = _error(shrink(picture, 64), lanczos)
    assert error < 4
    for simpler in (cv2.INTER_LINEAR, cv2.INTER_AREA):
        assert error < 0.85 * _error(cv2.resize(picture, (96, 64), interpolation=simpler), lanczos)


@pytest.mark.parametrize("ratio", [1.5, 2, 2.5, 3, 4.3, 9])
def test_what_the_smaller_picture_has_no_pixels_for_becomes_grey(ratio):
    """Stripes of one pixel each; interpolation alone would show some of them as wider ones."""
    side_px = round(64 * ratio)
    stripes = np.zeros((side_px, side_px), np.uint8)
    stripes[:, ::2] = 255
    assert np.abs(shrink(stripes, 64)[4:-4, 4:-4] - 127.5).max() <= 30
    assert np.abs(shrink(stripes.T.copy(), 64)[4:-4, 4:-4] - 127.5).max() <= 30


@pytest.mark.parametrize("shorter_px", [90, 150, 300])
def test_what_lies_beyond_the_picture_does_not_count(shorter_px):
    """The last row and column hold a quarter of a pixel of the picture: it is scaled as far as that, no further."""
    sixteenfold = _blotches(16 * shorter_px + 4, 16 * shorter_px + 4)
    quartered = np.asarray(Image.fromarray(sixteenfold).resize((4 * shorter_px + 1,) * 2, Image.Resampling.BOX))
    pixels = np.asarray(Image.fromarray(np.pad(quartered, ((0, 3), (0, 3), (0, 0)), "edge")).reduce(4))
    expected = np.asarray(Image.fromarray(quartered).resize((64, 64), Image.Resampling.LANCZOS), int)
    difference = np.abs(shrink(pixels, 64, (shorter_px + 0.25, shorter_px + 0.25)) - expected)
    assert difference.mean() < 0.5
    assert np.abs(shrink(pixels, 64) - expected).mean() > 2 * difference.mean()


def test_one_side_can_be_averaged_while_the_other_is_not():
    """By rounding a side may be more, the other less than `AVERAGED_ABOVE` times as long as it shall be."""
    picture = _grainy(957, 717)
    fractional, whole = shrink(picture, 256, (956.875, 716.875)), shrink(picture, 256)
    assert _error(fractional, whole) < 4
