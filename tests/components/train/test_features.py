"""Features as a head learns from them, and the shares in which workers compute them."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from components.train.cluster import Cluster, join_cluster
from components.train.features import BATCH_SIZE, Extractor, Features, _share

ROWS = 2 * BATCH_SIZE + 5


@pytest.fixture
def model():
    inputs = keras.Input((2,))
    return keras.Model(inputs, keras.ops.concatenate([inputs, 2 * inputs], -1))


def elements(first: int, last: int) -> tf.data.Dataset:
    return tf.data.Dataset.range(first, last).map(lambda i: (tf.cast([i, -i], tf.float32), i % 3))


def test_each_row_has_its_features(model, capsys):
    computed = Extractor(model, join_cluster({})).features(elements, ROWS, "views")
    rows = np.arange(ROWS, dtype=np.float32)
    np.testing.assert_array_equal(computed.x, np.stack([rows, -rows, 2 * rows, -2 * rows], 1))
    np.testing.assert_array_equal(computed.labels, np.arange(ROWS) % 3)
    assert capsys.readouterr().out.startswith(f"train: features of {ROWS}/{ROWS} views, ")


@pytest.mark.parametrize("rows", [1, 64, 65, 1000])
@pytest.mark.parametrize("workers", [1, 2, 5])
def test_workers_share_out_whole_batches(rows, workers):
    shares = [_share(rows, Cluster(tf.distribute.get_strategy(), workers, worker)) for worker in range(workers)]
    assert [row for share in shares for row in range(*share)] == list(range(rows))
    assert all(first % BATCH_SIZE == 0 for first, last in shares if first < last)


def test_batches_of_rows_become_batches_of_features():
    three = Features(np.eye(3, dtype=np.float32), np.array([5, 6, 7]))
    batches = three.rows().repeat().batch(2, drop_remainder=True).take(2)
    (x, labels), (x_later, _) = three.look_up(batches).as_numpy_iterator()
    assert (x.tolist(), labels.tolist()) == ([[1, 0, 0], [0, 1, 0]], [5, 6])
    assert x_later.tolist() == [[0, 0, 1], [1, 0, 0]]
    assert three.look_up(batches).element_spec[0] == tf.TensorSpec([2, 3], tf.float32)
