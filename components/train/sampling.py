"""The order in which training draws: every element once an epoch, or classes as often as they are to come."""

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

Element = Any  # of a tf.data.Dataset: a tensor, a tuple or a dictionary of tensors
LabelOf = Callable[..., tf.Tensor]


def endless_epochs(elements: tf.data.Dataset, buffer_rows: int, seed: int) -> tf.data.Dataset:
    """Returns endless epochs, each with every element once, in a fresh order."""
    return elements.shuffle(buffer_rows, seed=seed, reshuffle_each_iteration=True).repeat()


def endless_draws(
    elements: tf.data.Dataset, label_of: LabelOf, sampling: NDArray[np.float64], buffer_rows: int, seed: int
) -> tf.data.Dataset:
    """Returns endless elements in random order, those of class c `sampling[c]` times an epoch on average.

    Each pass over the elements takes the whole part of that number of copies, and one more with the probability of
    the rest. So nothing has to be known of where which class lies, and a pass reads each element once.

    Args:
        elements: Finite.
        label_of: From an element to its class, int64.
        sampling: Float64 [classes].
        buffer_rows: Elements among which the next one is drawn.
        seed: Of the order and of the copies; they are a function of it.
    """
    means = tf.constant(sampling, tf.float32)

    def copies(index: tf.Tensor, element: Element) -> tf.data.Dataset:
        label = label_of(*element) if isinstance(element, tuple) else label_of(element)
        chance = tf.random.stateless_uniform([], tf.stack([tf.constant(seed, tf.int64), index]))
        count = tf.cast(tf.floor(tf.gather(means, label) + chance), tf.int64)
        return tf.data.Dataset.from_tensors(element).repeat(count)

    return elements.repeat().enumerate().flat_map(copies).shuffle(buffer_rows, seed=seed)
