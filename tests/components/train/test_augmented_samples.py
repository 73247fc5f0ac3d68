import numpy as np
import pytest
from PIL import Image

from components.train.augmentation import augmenter
from components.train.augmented_samples import COLUMNS, GAP_PX, ROWS, WIDTH_PX, as_picture, augmented_samples
from components.train.input_pipeline import read_images
from components.train.mixing import Mixing

SIZE_PX = 32


@pytest.fixture(scope="module")
def images(datasets):
    return read_images(datasets / "train", SIZE_PX)


def test_the_first_column_is_unchanged_and_shows_images_from_all_over(images):
    samples = augmented_samples(images, augmenter("default"), Mixing(), seed=0)
    assert (samples.shape, samples.dtype) == ((ROWS, COLUMNS, SIZE_PX, SIZE_PX, 3), np.uint8)
    pixels = [pixels for pixels, _ in images.in_order().as_numpy_iterator()]
    assert [np.array_equal(samples[row, 0], pixels[7 * row]) for row in range(ROWS)] == [True] * ROWS
    assert len({sample.tobytes() for sample in samples.reshape(ROWS * COLUMNS, -1)}) == ROWS * COLUMNS


def test_without_augmentation_all_columns_are_alike(images):
    samples = augmented_samples(images, augmenter("none"), Mixing(), seed=0)
    assert (samples == samples[:, :1]).all()


def test_mixing_shows(images):
    samples = augmented_samples(images, augmenter("none"), Mixing(cutmix_alpha=1.0), seed=0)
    assert (samples[:, 1:] != samples[:, :1]).any((1, 2, 3, 4)).all()


def test_fewer_images_than_rows(tmp_path, write_examples):
    few = {"a": np.zeros((1, 40, 40, 3), np.uint8), "b": np.ones((1, 40, 40, 3), np.uint8)}
    images = read_images(write_examples(tmp_path / "few", few), SIZE_PX)
    assert len(augmented_samples(images, augmenter("light"), Mixing(), seed=0)) == 2


def test_the_picture():
    samples = np.arange(6, dtype=np.uint8).reshape(2, 3, 1, 1, 1) * np.ones([10, 12, 3], np.uint8)
    picture = as_picture(samples)
    assert picture.size == (3 * 12 + 2 * GAP_PX, 2 * 10 + GAP_PX)
    assert [picture.getpixel((column * (12 + GAP_PX), 10 + GAP_PX)) for column in range(3)] == [
        (n, n, n) for n in (3, 4, 5)
    ]
    assert picture.getpixel((12, 0)) == (255, 255, 255)


def test_a_large_picture_is_scaled_down():
    assert isinstance(picture := as_picture(np.zeros((1, 2, 1000, 1000, 3), np.uint8)), Image.Image)
    assert picture.width == WIDTH_PX
