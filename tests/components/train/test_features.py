"""Features as a head learns from them."""

import numpy as np
import tensorflow as tf

from components.train.features import Features


def test_batches_of_rows_become_batches_of_features():
    three = Features(np.eye(3, dtype=np.float32), np.array([5, 6, 7]))
    batches = three.rows().repeat().batch(2, drop_remainder=True).take(2)
    (x, labels), (x_later, _) = three.look_up(batches).as_numpy_iterator()
    assert (x.tolist(), labels.tolist()) == ([[1, 0, 0], [0, 1, 0]], [5, 6])
    assert x_later.tolist() == [[0, 0, 1], [1, 0, 0]]
    assert three.look_up(batches).element_spec[0] == tf.TensorSpec([2, 3], tf.float32)
