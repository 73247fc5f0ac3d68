"""Features of images by a frozen backbone, computed once, each worker its share of them."""

import time
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from components._progress import say
from components.train.cluster import Cluster
from components.train.features import Features
from components.train.frozen_backbone import BATCH_SIZE, FrozenBackbone


def extract(
    backbone: FrozenBackbone, elements: Callable[[int, int], tf.data.Dataset], rows: int, what: str, cluster: Cluster
) -> Features:
    """Runs images through a frozen backbone and keeps what comes out in memory; all workers call this together.

    Workers share out whole batches, so that each batch holds the images that it would hold without them, and every
    number comes out the same.

    Args:
        backbone: What computes the features.
        elements: (first, last) -> (pixels, label) pairs of these rows but the last, in order.
        rows: Number of elements in all.
        what: Their name in the progress lines.
        cluster: The workers; the chief prints the lines.
    """
    forward = backbone.forward
    x, labels = np.zeros((rows, backbone.width), np.float32), np.zeros(rows, np.int64)
    first, last = _share(rows, cluster)
    progress, done = _Progress(last - first, what, verbose=cluster.is_chief), first
    for pixels, batch_labels in elements(first, last).batch(BATCH_SIZE).prefetch(tf.data.AUTOTUNE):
        batch = slice(done, done + len(batch_labels))
        x[batch], labels[batch] = forward(pixels).numpy(), batch_labels.numpy()
        done = batch.stop
        progress.tell(done - first)
    return Features(cluster.combined(x), cluster.combined(labels), backbone.speed)


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
