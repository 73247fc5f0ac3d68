"""Features of all rows, and the shares in which workers compute them."""

from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from components.train.cluster import Cluster, join_cluster
from components.train.extraction import _share, extract
from components.train.frozen_backbone import BATCH_SIZE
from components.train.speed import Computation, Speed

ROWS = 2 * BATCH_SIZE + 5


def elements(first: int, last: int) -> tf.data.Dataset:
    return tf.data.Dataset.range(first, last).map(lambda i: (tf.cast([i, -i], tf.float32), i % 3))


def test_each_row_has_its_features(capsys):
    speed = Speed(Computation("mixed_bfloat16"), "as set")
    backbone = SimpleNamespace(forward=lambda x: tf.concat([x, 2 * x], -1), width=4, speed=speed)
    computed = extract(backbone, elements, ROWS, "views", join_cluster({}))
    rows = np.arange(ROWS, dtype=np.float32)
    np.testing.assert_array_equal(computed.x, np.stack([rows, -rows, 2 * rows, -2 * rows], 1))
    np.testing.assert_array_equal(computed.labels, np.arange(ROWS) % 3)
    assert computed.speed is speed
    assert capsys.readouterr().out.startswith(f"train: features of {ROWS}/{ROWS} views, ")


@pytest.mark.parametrize("rows", [1, 64, 65, 1000])
@pytest.mark.parametrize("workers", [1, 2, 5])
def test_workers_share_out_whole_batches(rows, workers):
    shares = [_share(rows, Cluster(tf.distribute.get_strategy(), workers, worker)) for worker in range(workers)]
    assert [row for share in shares for row in range(*share)] == list(range(rows))
    assert all(first % BATCH_SIZE == 0 for first, last in shares if first < last)
