"""A frozen backbone's features, computed once."""

import time

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from components._progress import say

BATCH_SIZE = 64


def extract_features(
    model: keras.Model, elements: tf.data.Dataset, rows: int, what: str, *, verbose: bool
) -> tf.data.Dataset:
    """Runs images through a model and keeps what comes out in memory.

    Args:
        model: From pixels to features float32 [batch, n].
        elements: (pixels, label) pairs; finite.
        rows: Number of elements.
        what: Their name in the progress lines.
        verbose: Whether to print progress lines.

    Returns:
        (features float32 [n], label int64) pairs in the same order.
    """

    @tf.function
    def forward(pixels: tf.Tensor) -> tf.Tensor:
        return model(pixels, training=False)

    features, labels = list[NDArray[np.float32]](), list[NDArray[np.int64]]()
    began_s = reported_s = time.monotonic()
    done = 0
    for pixels, batch_labels in elements.batch(BATCH_SIZE).prefetch(tf.data.AUTOTUNE):
        features.append(forward(pixels).numpy())
        labels.append(batch_labels.numpy())
        done += len(batch_labels)
        now_s = time.monotonic()
        if verbose and (now_s - reported_s > 2 or done == rows):
            reported_s = now_s
            rate = done / (now_s - began_s)
            left = f", {(rows - done) / rate:.0f} s left" if done < rows else ""
            say("train", f"features of {done}/{rows} {what}, {rate:.0f} images/s{left}")
    return tf.data.Dataset.from_tensor_slices((np.concatenate(features), np.concatenate(labels)))
