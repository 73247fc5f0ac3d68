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
    draws = endless_draws(elements(), lambda _, label: label, image_shares(COUNTS, strength), ROWS, seed)
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


def test_epochs_have_every_element_once():
    numbers = [number for number, _ in endless_epochs(elements(), ROWS, 1).take(2 * ROWS).as_numpy_iterator()]
    assert sorted(numbers[:ROWS]) == sorted(numbers[ROWS:]) == list(range(ROWS))
    assert numbers[:ROWS] != numbers[ROWS:]
