import numpy as np
import pytest
import tensorflow as tf

from components.train.imbalance import image_shares
from components.train.sampling import endless_draws, endless_epochs

COUNTS = [80, 15, 5]
LABELS = np.repeat([0, 1, 2], COUNTS)
ROWS = len(LABELS)


def elements() -> tf.data.Dataset:
    return tf.data.Dataset.from_tensor_slices((np.arange(ROWS), LABELS))


def drawn(epochs: int, strength: float = 1.0, seed: int = 3) -> np.ndarray:
    """The numbers of the elements that come."""
    sampling = image_shares(COUNTS, strength)
    draws = endless_draws(elements(), lambda _, label: label, sampling, tf.constant([seed, 0], tf.int64), block=ROWS)
    return np.array([number for number, _ in draws.take(epochs * ROWS).as_numpy_iterator()])


@pytest.mark.parametrize(("strength", "expected"), [(1.0, [1 / 3, 1 / 3, 1 / 3]), (0.5, [0.591, 0.256, 0.148])])
def test_classes_come_as_often_as_asked_for(strength, expected):
    """At 0.5: the roots of 80, 15 and 5 are 8.94, 3.87 and 2.24, of a sum of 15.1."""
    shares = np.bincount(LABELS[drawn(20, strength)]) / (20 * ROWS)
    np.testing.assert_allclose(shares, expected, atol=0.03)


def test_every_image_of_a_class_comes_about_as_often():
    times = np.bincount(drawn(40))
    np.testing.assert_allclose(times[95:], 40 * 100 / 15, rtol=0.1)
    assert times[:80].min() > 0


def test_draws_are_a_function_of_the_seed_and_change_from_epoch_to_epoch():
    first, again, other = drawn(2), drawn(2), drawn(2, seed=4)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert not np.array_equal(first[:ROWS], first[ROWS:])


def test_classes_are_spread_over_the_epoch():
    half = LABELS[drawn(1)][: ROWS // 2]
    assert set(half) == {0, 1, 2}
    assert (np.diff(half) != 0).mean() > 0.4


def epochs(block: int, first: int = 0) -> list[int]:
    """The numbers of the elements that come in two epochs, from one on."""
    endless = endless_epochs(elements(), tf.constant([1, 0], tf.int64), rows=ROWS, block=block, first=first)
    return [number for number, _ in endless.take(2 * ROWS - first).as_numpy_iterator()]


@pytest.mark.parametrize("block", [7, ROWS, 2 * ROWS])
def test_epochs_have_every_element_once_in_a_fresh_order(block):
    numbers = epochs(block)
    assert sorted(numbers[:ROWS]) == sorted(numbers[ROWS:]) == list(range(ROWS))
    assert sum(one == other for one, other in zip(numbers[:ROWS], numbers[ROWS:], strict=True)) < ROWS / 3


@pytest.mark.parametrize("first", [1, 6, 7, ROWS - 1, ROWS, ROWS + 7, ROWS + 30])
def test_what_comes_from_some_element_on_is_what_would_have_come(first):
    assert epochs(7, first) == epochs(7)[first:]


def test_epochs_before_are_not_read():
    read = []

    def reading(number: tf.Tensor) -> tf.Tensor:
        tf.py_function(lambda: read.append(1), [], [])
        return number

    counted = tf.data.Dataset.range(ROWS).map(reading)
    late = endless_epochs(counted, tf.constant([1, 0], tf.int64), rows=ROWS, block=10, first=50 * ROWS)
    assert len(list(late.take(10))) == 10
    assert len(read) <= 3 * 10  # the block, and what is read ahead


def test_draws_from_some_element_on_are_what_would_have_come():
    seed = tf.constant([3, 0], tf.int64)
    options = {"label_of": lambda _, label: label, "sampling": image_shares(COUNTS, 1.0), "seed": seed, "block": 7}
    whole = [number for number, _ in endless_draws(elements(), **options).take(60).as_numpy_iterator()]
    late = endless_draws(elements(), **options, first=25).take(35)
    assert [number for number, _ in late.as_numpy_iterator()] == whole[25:]
