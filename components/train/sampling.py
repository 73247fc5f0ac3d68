"""The order in which training draws: every element once an epoch, or classes as often as they are to come."""

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

Element = Any  # of a tf.data.Dataset: a tensor, a tuple or a dictionary of tensors
LabelOf = Callable[..., tf.Tensor]


def endless_epochs(
    elements: tf.data.Dataset, seed: tf.Tensor, *, rows: int | tf.Tensor, block: int, first: int | tf.Tensor = 0
) -> tf.data.Dataset:
    """Returns endless epochs, each with every element once, in a fresh order.

    Elements are shuffled a block at a time, for each block's order to be a function of the seed, the epoch and its
    place: whoever goes on from a late epoch reads nothing of the epochs before. `tf.data`'s own shuffling draws from
    what it drew before.

    Args:
        elements: Finite.
        seed: Int64 [2].
        rows: Number of elements.
        block: Number of elements that are shuffled, and held in memory, at a time.
        first: How many of the elements to be returned have been returned before.
    """
    first_epoch, begun = tf.cast(first // rows, tf.int64), tf.cast(first % rows, tf.int64)

    def blocks(epoch: tf.Tensor) -> tf.data.Dataset:
        number = tf.where(epoch == first_epoch, begun // block, 0)
        return _shuffled(elements.skip(number * block), tf.random.fold_in(seed, epoch), block, number)

    of_epochs = tf.data.Dataset.range(first_epoch, tf.int64.max).flat_map(blocks)
    return of_epochs.prefetch(1).unbatch().skip(begun % block)


def endless_draws(
    elements: tf.data.Dataset,
    label_of: LabelOf,
    sampling: NDArray[np.float64],
    seed: tf.Tensor,
    *,
    block: int,
    first: int | tf.Tensor = 0,
) -> tf.data.Dataset:
    """Returns endless elements in random order, those of class c `sampling[c]` times an epoch on average.

    Each pass over the elements takes the whole part of that number of copies, and one more with the probability of
    the rest. So nothing has to be known of where which class lies, and a pass reads each element once.

    Args:
        elements: Finite.
        label_of: From an element to its class, int64.
        sampling: Float64 [classes].
        seed: Int64 [2]; the order and the copies are a function of it.
        block: Number of elements that are shuffled, and held in memory, at a time.
        first: How many of the elements to be returned have been returned before; they are read again.
    """
    means = tf.constant(sampling, tf.float32)
    seeds = tf.unstack(tf.random.split(seed, 2))

    def copies(index: tf.Tensor, element: Element) -> tf.data.Dataset:
        label = label_of(*element) if isinstance(element, tuple) else label_of(element)
        chance = tf.random.stateless_uniform([], tf.random.fold_in(seeds[0], index))
        count = tf.cast(tf.floor(tf.gather(means, label) + chance), tf.int64)
        return tf.data.Dataset.from_tensors(element).repeat(count)

    drawn = elements.repeat().enumerate().flat_map(copies)
    return _shuffled(drawn, seeds[1], block).prefetch(1).unbatch().skip(tf.cast(first, tf.int64))


def _shuffled(
    elements: tf.data.Dataset, seed: tf.Tensor, block: int, first_block: int | tf.Tensor = 0
) -> tf.data.Dataset:
    """Returns blocks of elements, each in an order that is a function of the seed and the block's number."""

    def shuffle(number: tf.Tensor, in_order: Element) -> Element:
        rows = tf.shape(tf.nest.flatten(in_order)[0])[0]
        order = tf.random.experimental.stateless_shuffle(tf.range(rows), tf.random.fold_in(seed, number))
        return tf.nest.map_structure(lambda column: tf.gather(column, order), in_order)

    return elements.batch(block).enumerate(first_block).map(shuffle)
