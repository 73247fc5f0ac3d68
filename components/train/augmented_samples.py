"""A picture of what augmentation makes of a few training images."""

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from PIL import Image

from components.formats.tensors import square
from components.train.augmentation import Augmentation
from components.train.input_pipeline import Images
from components.train.mixing import Mixing, blended, draw, mix

ROWS, COLUMNS = 4, 6
GAP_PX = 4
WIDTH_PX = 1600


def augmented_samples(images: Images, augment: Augmentation, mixing: Mixing, seed: int) -> NDArray[np.uint8]:
    """Returns images from all over the dataset, each as it is and then changed at random in several ways.

    Args:
        images: At least one.
        augment: The random change of an image.
        mixing: How the changed images of two rows are mixed.
        seed: Of the changes.

    Returns:
        Uint8 [rows, COLUMNS, size, size, 3] with up to ROWS rows; the first column is unchanged.
    """
    rows = min(ROWS, images.dataset.rows)
    stored = list(images.spread(rows))
    plain = tf.stack([square(pixels, images.image_size_px) for pixels in stored])
    seeds = tf.constant([[seed, number] for number in range(rows * (COLUMNS - 1))], tf.int64)
    changed = tf.stack(
        [augment(stored[number // (COLUMNS - 1)], images.image_size_px, each) for number, each in enumerate(seeds)]
    )
    if mixing:
        draws = draw(mixing, len(seeds), tf.constant([seed, -1], tf.int64))
        changed, _ = mix(changed, tf.zeros([len(seeds), 1]), COLUMNS - 1, draws, blended)
    changed = tf.reshape(changed, [rows, COLUMNS - 1, *plain.shape[1:]])
    return tf.concat([plain[:, None], changed], axis=1).numpy()


def as_picture(samples: NDArray[np.uint8]) -> Image.Image:
    """Lays samples [rows, columns, height, width, 3] out on white, at most WIDTH_PX wide."""
    gaps = ((0, 0), (0, 0), (0, GAP_PX), (0, GAP_PX), (0, 0))
    tiles = np.pad(samples, gaps, constant_values=255)
    rows, columns, height_px, width_px, channels = tiles.shape
    grid = tiles.transpose(0, 2, 1, 3, 4).reshape(rows * height_px, columns * width_px, channels)
    picture = Image.fromarray(grid[:-GAP_PX, :-GAP_PX])
    picture.thumbnail((WIDTH_PX, WIDTH_PX))
    return picture
