"""What a head learns from in place of images."""

from dataclasses import dataclass

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from components.train.speed import AS_SET, Computation, Speed

_PLAIN = Speed(Computation(), AS_SET)


@dataclass(frozen=True)
class Features:
    """Images' features, in memory.

    Attributes:
        x: Float32 [rows, n].
        labels: Int64 [rows].
        speed: How they were computed, and why so.
    """

    x: NDArray[np.float32]
    labels: NDArray[np.int64]
    speed: Speed = _PLAIN

    def look_up(self, batches: tf.data.Dataset) -> tf.data.Dataset:
        """Returns batches (row int64 [batch], ...) with (features float32 [batch, n], ...) instead.

        A whole batch is looked up at a time. The features come with each batch, which copies nothing, because what a
        mapped function captures becomes part of its graph, and a graph has no room for 2 GB.
        """
        x = tf.data.Dataset.from_tensors(self.x).repeat()
        return tf.data.Dataset.zip(batches, x).map(lambda batch, x: (tf.gather(x, batch[0]), *batch[1:]))

    def rows(self) -> tf.data.Dataset:
        """Returns (row int64, label int64) pairs in order."""
        return tf.data.Dataset.from_tensor_slices((np.arange(len(self.labels)), self.labels))
