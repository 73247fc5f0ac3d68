import io
import math

import cv2
import numpy as np
import pytest
from PIL import Image

from components.formats.shrinking import shrink
from components.ingest.decode.planes import encode_jpeg, planes


def _blotches(width_px, height_px):
    """Colours that change as softly as those of a photograph."""
    coarse = np.random.default_rng(0).integers(0, 256, (9, 12, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((width_px, height_px), Image.Resampling.BICUBIC))


def _stored(pixels, shorter_side_px):
    with Image.open(io.BytesIO(encode_jpeg(planes(pixels, shorter_side_px)))) as image:
        assert image.mode == "RGB"
        return np.asarray(image).astype(int)


@pytest.mark.parametrize(
    ("colour", "luma", "blue", "red"),
    [
        ((0, 0, 0), 0, 128, 128), ((255, 255, 255), 255, 128, 128), ((255, 0, 0), 76, 85, 255),
        ((0, 255, 0), 150, 44, 21), ((0, 0, 255), 29, 255, 107),
    ],
)  # fmt: skip
def test_planes_are_those_of_jpeg_with_their_full_range(colour, luma, blue, red):
    """Y = 0.299 R + 0.587 G + 0.114 B; Cb = (B - Y) / 1.772 + 128; Cr = (R - Y) / 1.402 + 128 (ITU-T T.871)."""
    separated = planes(np.full((8, 8, 3), colour, np.uint8), 8)
    for plane, expected in zip((separated.luma, separated.blue, separated.red), (luma, blue, red), strict=True):
        assert np.abs(plane.astype(int) - expected).max() <= 1


@pytest.mark.parametrize("size_px", [(547, 365), (365, 547), (1000, 700), (300, 257), (231, 197)])
def test_light_is_scaled_as_pixels_are_and_colours_come_close(size_px):
    pixels = _blotches(*size_px)
    scaled, expected = planes(pixels, 256), shrink(pixels, 256)
    assert np.abs(scaled.luma.astype(int) - cv2.cvtColor(expected, cv2.COLOR_RGB2GRAY)).max() <= 2
    difference = np.abs(_stored(pixels, 256) - expected)
    assert difference.mean() < 1.5
    assert np.percentile(difference, 99) <= 8


@pytest.mark.parametrize(
    "size_px", [(1, 1), (1, 2), (2, 1), (1, 300), (300, 1), (3, 3), (255, 17), (18, 255), (16, 16)]
)
def test_any_size_can_be_stored(size_px):
    """Of an odd number of rows and columns, too, nothing is read that does not belong to them."""
    width_px, height_px = size_px
    pixels = np.full((height_px, width_px, 3), (200, 120, 40), np.uint8)
    stored = _stored(pixels, 256)
    assert stored.shape == pixels.shape
    assert np.abs(stored - pixels).max() <= 3


def test_grey_stays_grey():
    grey = np.random.default_rng(0).integers(0, 256, (64, 96, 1), dtype=np.uint8).repeat(3, 2)
    stored = _stored(grey, 64)
    assert np.abs(stored - stored[..., :1]).max() <= 1


def test_colours_in_blocks_of_two_pixels_stay_what_they_are():
    pixels = np.zeros((64, 64, 3), np.uint8)
    pixels[:32, 32:, 0] = pixels[32:, :32, 1] = pixels[32:, 32:, 2] = 255
    inside = np.abs(_stored(pixels, 64) - pixels)[np.ix_(*[np.r_[0:28, 36:64]] * 2)]
    assert inside.max() < 12


@pytest.mark.parametrize("ratio", [2.6, 3, 4, 6, 9])
def test_stripes_of_colour_too_fine_to_be_seen_mix(ratio):
    pixels = np.zeros((round(64 * ratio), round(96 * ratio), 3), np.uint8)
    pixels[:, ::2, 0] = pixels[:, 1::2, 2] = 255
    scaled = planes(pixels, 64)
    for chroma in (scaled.blue, scaled.red):
        assert np.ptp(chroma[4:-4, 4:-4]) <= 40


@pytest.mark.parametrize("size_px", [(400.125, 300.125), (765.125, 511.125), (300.125, 257.125)])
def test_colours_lie_where_light_does(size_px):
    """Of a picture that ends within its last row and column."""
    width_px, height_px = size_px
    pixels = _blotches(math.ceil(width_px), math.ceil(height_px))
    scaled = planes(pixels, 256, size_px)
    rows, columns = scaled.luma.shape
    assert scaled.blue.shape == scaled.red.shape == (math.ceil(rows / 2), math.ceil(columns / 2))
    pairs = (columns // 2, rows // 2)
    box = (0, 0, width_px * 2 * pairs[0] / columns, height_px * 2 * pairs[1] / rows)
    half = np.asarray(Image.fromarray(pixels).resize(pairs, Image.Resampling.LANCZOS, box))
    expected = cv2.cvtColor(half, cv2.COLOR_RGB2YCrCb).astype(int)
    assert np.abs(scaled.blue[: rows // 2, : columns // 2] - expected[..., 2]).mean() < 0.4
    assert np.abs(scaled.red[: rows // 2, : columns // 2] - expected[..., 1]).mean() < 0.4
