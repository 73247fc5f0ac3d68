"""The mistakes that a model is most sure of, with small pictures for people to look at."""

from collections.abc import Sequence
from pathlib import Path

import tensorflow as tf

from components.evaluate.predictions import Predictions
from components.evaluate.report import Mistake
from components.formats.dataset import ENCODED, read_dataset
from components.formats.tensors import read_examples

THUMBNAIL_SIDE_PX = 240
_JPEG_QUALITY = 80


def confident_mistakes(test_folder: Path, predictions: Predictions, limit: int) -> list[Mistake]:
    """Returns the wrong predictions of the highest probability, the highest first; at most `limit`."""
    positions = predictions.confident_mistakes(limit)
    names, predicted = predictions.class_names, predictions.predicted
    return [
        Mistake(
            image_id=predictions.ids[position],
            true_name=names[predictions.labels[position]],
            predicted_name=names[predicted[position]],
            probability=float(predictions.probabilities[position].max()),
            jpeg=jpeg,
        )
        for position, jpeg in zip(positions, thumbnails(test_folder, positions), strict=True)
    ]


def thumbnails(test_folder: Path, positions: Sequence[int]) -> list[bytes]:
    """Makes thumbnails of the images at some positions of a dataset.

    They keep the image's proportions, which the square that a model sees does not.

    Args:
        test_folder: A dataset of examples.
        positions: In reading order from 0, without repetition.

    Returns:
        A JPEG for each position, its longer side `THUMBNAIL_SIDE_PX`.
    """
    if not positions:
        return []
    wanted = tf.constant(positions, tf.int64)
    examples = read_examples(test_folder, read_dataset(test_folder, kind="examples")).enumerate()
    found = examples.filter(lambda position, _: tf.reduce_any(position == wanted))
    jpeg_at = {int(position): _thumbnail(example[ENCODED]) for position, example in found}
    return [jpeg_at[position] for position in positions]


def _thumbnail(encoded: tf.Tensor) -> bytes:
    pixels = tf.cast(tf.io.decode_image(encoded, channels=3, expand_animations=False), tf.float32)
    box = [THUMBNAIL_SIDE_PX, THUMBNAIL_SIDE_PX]
    small = tf.image.resize(pixels, box, preserve_aspect_ratio=True, antialias=True)
    jpeg = tf.io.encode_jpeg(tf.cast(tf.round(tf.clip_by_value(small, 0, 255)), tf.uint8), quality=_JPEG_QUALITY)
    return bytes(jpeg.numpy())
