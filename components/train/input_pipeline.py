"""Training and validation images as tensors, the same whatever the number of workers."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import accumulate
from pathlib import Path

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from components._processors import processors
from components.formats.dataset import ENCODED, ID, LABEL, Dataset, read_dataset
from components.formats.model import ModelSpec
from components.formats.tensors import decode_stored, read_examples, square
from components.train.augmentation import Augment
from components.train.sampling import endless_draws, endless_epochs

SHUFFLE_BUFFER_ROWS = 8192

# TensorFlow's own pool has one thread a processor; some always wait for others, which costs a sixth of the speed.
_THREADS_A_PROCESSOR = 4


@dataclass(frozen=True)
class Images:
    """Where images come from and how they are made square.

    Attributes:
        folder: A dataset folder of examples.
        dataset: Its manifest.
        image_size_px: Side of the square.
    """

    folder: Path
    dataset: Dataset
    image_size_px: int

    def spec(self, backbone: str) -> ModelSpec:
        """Returns the specification of a model trained on these images."""
        return ModelSpec(
            class_names=self.dataset.class_names,
            image_size_px=self.image_size_px,
            shorter_side_px=self.dataset.shorter_side_px,
            backbone=backbone,
        )

    def ids(self) -> tf.data.Dataset:
        """Returns the id, string, of every image once, as `in_order` does."""
        return self._rows().map(lambda row: row[ID])

    def in_order(self, first: int = 0, last: int | None = None) -> tf.data.Dataset:
        """Returns (pixels uint8 [size, size, 3], label int64) of every image once.

        Args:
            first: Row to begin with.
            last: Row to end before; None for the end.
        """
        return _in_parallel(self._rows(first, last), self._decode)

    def encoded(self) -> tf.data.Dataset:
        """Returns (encoded image string, label int64) of every image once, as `in_order` does."""
        return self._rows().map(lambda row: (row[ENCODED], row[LABEL]))

    def decode(self, encoded: tf.Tensor) -> tf.Tensor:
        """Returns pixels, uint8 [size, size, 3], as they are in `in_order`."""
        return square(decode_stored(encoded), self.image_size_px)

    def spread(self, images: int) -> tf.data.Dataset:
        """Returns this many images at equal distances in the order, uint8 [height, width, 3], as they are stored."""
        distance = self.dataset.rows // images
        return self._rows().shard(distance, 0).take(images).map(lambda row: decode_stored(row[ENCODED]))

    def views(
        self, augment: Augment, views: int, seed: int, first: int = 0, last: int | None = None
    ) -> tf.data.Dataset:
        """Returns every image `views` times: plain the first time, changed at random from then on.

        Args:
            augment: The random changes.
            views: How often each image comes; at least 1.
            seed: Of the random changes.
            first: Element to begin with.
            last: Element to end before; None for the end.

        Returns:
            Of rows x views elements (pixels uint8 [size, size, 3], label int64), those asked for.
        """
        rows = self.dataset.rows
        end = rows * views if last is None else last
        plain = self.in_order(min(first, rows), min(end, rows))
        first_changed, end_changed = max(first - rows, 0), max(end - rows, 0)
        changed = self._over_and_over(first_changed, end_changed).enumerate(first_changed)
        return plain.concatenate(self._augmented(changed, augment, seed))

    def shuffled(
        self,
        augment: Augment,
        seed: int,
        *,
        sampling: NDArray[np.float64] | None = None,
        first: int = 0,
        workers: int = 1,
        worker: int = 0,
    ) -> tf.data.Dataset:
        """Returns endless epochs in a fresh order each, changed at random.

        Element i is the same for any number of workers: worker w gets elements w, w + workers, ... So a
        global batch holds the same images, changed the same way, on one machine or many.

        Args:
            augment: The random changes.
            seed: Of the order and the changes.
            sampling: How often an epoch draws each image on average, by its class; None draws each once.
            first: Where to begin, a multiple of `workers`; what comes before is read but not decoded.
            workers: Number of workers.
            worker: Index of this one.

        Returns:
            Endless elements (pixels uint8 [size, size, 3], label int64).
        """
        order = self._order(seed, sampling).enumerate().skip(first).shard(workers, worker)
        return self._augmented(order, augment, seed)

    def shuffled_ids(self, seed: int, sampling: NDArray[np.float64] | None = None) -> tf.data.Dataset:
        """Returns the ids, string, of the images that all workers' `shuffled` elements show, in the same order."""
        return self._order(seed, sampling).map(lambda row: row[ID])

    def _order(self, seed: int, sampling: NDArray[np.float64] | None) -> tf.data.Dataset:
        buffer = min(self.dataset.rows, SHUFFLE_BUFFER_ROWS)
        if sampling is None:
            return endless_epochs(self._rows(), buffer, seed)
        return endless_draws(self._rows(), lambda row: row[LABEL], sampling, buffer, seed)

    def _rows(self, first: int = 0, last: int | None = None) -> tf.data.Dataset:
        """Returns rows from one to before another; only the files that hold them are read."""
        shards, end = self.dataset.shards, self.dataset.rows if last is None else last
        ends = list(accumulate(shard.rows for shard in shards))
        file = min(bisect_right(ends, first), len(shards) - 1)
        files = shards[file : bisect_left(ends, end) + 1]
        before = ends[file] - shards[file].rows
        some = self.dataset.model_copy(update={"shards": files or shards[file : file + 1]})
        return read_examples(self.folder, some).skip(first - before).take(end - first)

    def _over_and_over(self, first: int, last: int) -> tf.data.Dataset:
        """Returns elements from one to before another of the rows, repeated without end."""
        rows = self.dataset.rows
        begins = range(first // rows * rows, max(last, first + 1), rows)
        passes = [self._rows(max(first - begin, 0), min(last - begin, rows)) for begin in begins]
        return reduce(tf.data.Dataset.concatenate, passes)

    def _augmented(self, numbered_rows: tf.data.Dataset, augment: Augment, seed: int) -> tf.data.Dataset:
        def decode_and_augment(index: tf.Tensor, row: dict[str, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
            pixels = decode_stored(row[ENCODED])
            return augment(pixels, self.image_size_px, tf.stack([tf.constant(seed, tf.int64), index])), row[LABEL]

        return _in_parallel(numbered_rows, decode_and_augment)

    def _decode(self, row: dict[str, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
        return self.decode(row[ENCODED]), row[LABEL]


def read_images(folder: Path, image_size_px: int, class_names: Sequence[str] | None = None) -> Images:
    """Opens a dataset of examples; see `read_dataset` for what is checked."""
    return Images(folder, read_dataset(folder, "examples", class_names), image_size_px)


def _in_parallel(rows: tf.data.Dataset, function: Callable[..., tuple[tf.Tensor, ...]]) -> tf.data.Dataset:
    options = tf.data.Options()
    options.threading.private_threadpool_size = _THREADS_A_PROCESSOR * processors()
    return rows.map(function, tf.data.AUTOTUNE).with_options(options)


def padded_batches(
    elements: tf.data.Dataset,
    batch_size: int,
    *,
    rows: int,
    replicas: int = 1,
    workers: int = 1,
    worker: int = 0,
    decode: Callable[[tf.Tensor], tf.Tensor] | None = None,
) -> tf.data.Dataset:
    """Batches a finite data set so that every replica takes the same number of full batches.

    Args:
        elements: (x, label) pairs.
        batch_size: Elements in a batch over all replicas; a multiple of `replicas`.
        rows: Number of elements.
        replicas: Number of replicas over all workers.
        workers: Number of workers.
        worker: Index of this one.
        decode: Gives what is to be in a batch in place of x; runs on this worker's elements only.

    Returns:
        This worker's batches (x, label, weight float32 [batch_size / replicas]); padding has weight 0.
    """
    padding = -rows % batch_size
    real = elements.map(lambda x, label: (x, label, 1.0))
    filler = elements.repeat().take(padding).map(lambda x, label: (x, label, 0.0))
    padded = real.concatenate(filler).shard(workers, worker)
    if decode:
        padded = _in_parallel(padded, lambda x, label, weight: (decode(x), label, weight))
    return padded.batch(batch_size // replicas).prefetch(tf.data.AUTOTUNE)
