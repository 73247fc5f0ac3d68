"""A frozen backbone's features, computed once, each worker its share of them."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from components._progress import say
from components.train.cluster import Cluster
from components.train.inference import compiled

BATCH_SIZE = 32


@dataclass(frozen=True)
class Features:
    """What a head learns from, in memory.

    Attributes:
        x: Float32 [rows, n].
        labels: Int64 [rows].
    """

    x: NDArray[np.float32]
    labels: NDArray[np.int64]

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


class Extractor:
    """Computes features with a backbone's weights as they are now; all workers make one, and use it, together.

    Args:
        model: From pixels to features float32 [batch, n].
        cluster: The workers; the chief prints progress lines.
    """

    def __init__(self, model: keras.Model, cluster: Cluster) -> None:
        self._forward, self._shape, self._cluster = compiled(model), model.output_shape[1:], cluster

    def features(self, elements: Callable[[int, int], tf.data.Dataset], rows: int, what: str) -> Features:
        """Runs images through the backbone and keeps what comes out in memory.

        Workers share out whole batches, so that each batch holds the images that it would hold without them, and
        every number comes out the same.

        Args:
            elements: (first, last) -> (pixels, label) pairs of these rows but the last, in order.
            rows: Number of elements in all.
            what: Their name in the progress lines.
        """
        x, labels = np.zeros((rows, *self._shape), np.float32), np.zeros(rows, np.int64)
        first, last = _share(rows, self._cluster)
        progress, done = _Progress(last - first, what, verbose=self._cluster.is_chief), first
        for pixels, batch_labels in elements(first, last).batch(BATCH_SIZE).prefetch(tf.data.AUTOTUNE):
            batch = slice(done, done + len(batch_labels))
            x[batch], labels[batch] = self._forward(pixels).numpy(), batch_labels.numpy()
            done = batch.stop
            progress.tell(done - first)
        return Features(self._cluster.combined(x), self._cluster.combined(labels))


def _share(rows: int, cluster: Cluster) -> tuple[int, int]:
    """Returns the first row of this worker's share, and the one behind its last."""
    batches = -(-rows // BATCH_SIZE)
    bounds = [batches * index // cluster.workers * BATCH_SIZE for index in (cluster.worker, cluster.worker + 1)]
    return bounds[0], min(bounds[1], rows)


class _Progress:
    """Says every two seconds, and in the end, how many are done."""

    def __init__(self, rows: int, what: str, *, verbose: bool) -> None:
        self._rows, self._what, self._verbose = rows, what, verbose
        self._began_s = self._reported_s = time.monotonic()

    def tell(self, done: int) -> None:
        now_s = time.monotonic()
        if self._verbose and (now_s - self._reported_s > 2 or done == self._rows):
            self._reported_s = now_s
            rate = done / (now_s - self._began_s)
            left = f", {(self._rows - done) / rate:.0f} s left" if done < self._rows else ""
            say("train", f"features of {done}/{self._rows} {self._what}, {rate:.0f} images/s{left}")
