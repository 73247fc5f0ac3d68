"""Features of all rows, and the shares in which workers compute them."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from components._errors import InputError
from components.train.checkpoint import CheckpointFolder
from components.train.cluster import Cluster, join_cluster
from components.train.continuation import Continuation, Parts
from components.train.extraction import _share, extract
from components.train.features import Features
from components.train.frozen_backbone import BATCH_SIZE
from components.train.preemption import Preemption
from components.train.speed import Computation, Measured, Speed

ROWS = 2 * BATCH_SIZE + 5
SPEED = Speed(Computation("mixed_bfloat16"), "as set")
CHOSEN = Speed(Computation("mixed_bfloat16"), "2 times as fast", (Measured(Computation(), 8.5, 1.2),))


def elements(first: int, last: int) -> tf.data.Dataset:
    return tf.data.Dataset.range(first, last).map(lambda i: (tf.cast([i, -i], tf.float32), i % 3))


class Backbone:
    """Gives x and 2 x as features, and calls something before the batch that it is told.

    Args:
        number: Of that batch, from 0.
        call: What it calls.
        speed: How it computes.
    """

    def __init__(self, number: int = -1, call: Callable[[], None] = lambda: None, speed: Speed = SPEED) -> None:
        self.width, self.speed, self.batches = 4, speed, 0
        self.number, self.call = number, call

    def forward(self, x: tf.Tensor) -> tf.Tensor:
        if self.batches == self.number:
            self.call()
        self.batches += 1
        return tf.concat([x, 2 * x], -1)

    def stay_with(self, speed: Speed) -> None:
        self.speed = speed


def test_each_row_has_its_features(capsys):
    computed = extract(Backbone(), elements, ROWS, "views", join_cluster({}))
    rows = np.arange(ROWS, dtype=np.float32)
    np.testing.assert_array_equal(computed.x, np.stack([rows, -rows, 2 * rows, -2 * rows], 1))
    np.testing.assert_array_equal(computed.labels, np.arange(ROWS) % 3)
    assert computed.speed is SPEED
    assert capsys.readouterr().out.startswith(f"train: features of {ROWS}/{ROWS} views, ")


@pytest.mark.parametrize("rows", [1, 64, 65, 1000])
@pytest.mark.parametrize("workers", [1, 2, 5])
def test_workers_share_out_whole_batches(rows, workers):
    shares = [_share(0, rows, Cluster(tf.distribute.get_strategy(), workers, worker)) for worker in range(workers)]
    assert [row for share in shares for row in range(*share)] == list(range(rows))
    assert all(first % BATCH_SIZE == 0 for first, last in shares if first < last)


@pytest.fixture
def compute(tmp_path):
    """Returns a function that computes features or goes on with them, and keeps parts every so many minutes."""
    folder, cluster = CheckpointFolder(tmp_path, "key"), join_cluster({})

    def compute(backbone: Backbone, preemption: Preemption, minutes: float) -> Features:
        continuation = Continuation(cluster, folder, minutes, preemption)
        parts = continuation.parts("features")
        return continuation.kept("features", lambda: extract(backbone, elements, ROWS, "views", cluster, parts))

    return compute


def check_rest(compute, done_before: int) -> None:
    """After an interruption, the rest and nothing else is computed; the whole is what it would have been."""
    rest = Backbone()
    features = compute(rest, Preemption(), 10)
    expected = extract(Backbone(), elements, ROWS, "views", join_cluster({}))
    assert rest.batches == 3 - done_before
    assert features.x.tobytes() == expected.x.tobytes()
    assert features.labels.tobytes() == expected.labels.tobytes()


def test_told_to_end_it_keeps_what_it_has(compute, capsys):
    preemption = Preemption()

    def told() -> None:
        preemption.requested = True

    with pytest.raises(SystemExit) as ending:
        compute(Backbone(1, told), preemption, 10)
    assert ending.value.code == 143
    assert f"told to end (SIGTERM). The features of {2 * BATCH_SIZE} rows have been kept" in capsys.readouterr().err
    check_rest(compute, 2)


def test_killed_it_goes_on_after_the_last_part(compute, tmp_path):
    def killed() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        compute(Backbone(2, killed), Preemption(), 1e-9)
    assert len(CheckpointFolder(tmp_path, "key").parts("features")) == 2
    check_rest(compute, 2)
    assert [path.name for path in (tmp_path / "key").iterdir()] == ["features"]


def test_what_was_measured_is_kept_with_the_first_batch(compute, tmp_path):
    """Killed long before a part is due, it goes on as it was computed."""

    def killed() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        compute(Backbone(2, killed, CHOSEN), Preemption(), 10)
    folder = CheckpointFolder(tmp_path, "key")
    assert [len(folder.kept(part).labels) for part in folder.parts("features")] == [BATCH_SIZE]
    check_rest(compute, 1)
    assert folder.kept("features").speed == CHOSEN


def test_a_batch_that_does_not_fit_into_memory():
    def exhausted() -> None:
        raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor")

    with pytest.raises(InputError) as refused:
        extract(Backbone(1, exhausted), elements, ROWS, "views", join_cluster({}))
    assert str(refused.value) == (
        "expected memory to compute the features of 32 views at a time; it ran out (ResourceExhaustedError). "
        "Lower image_size_px, or choose a smaller backbone."
    )


def test_all_parts_there_nothing_is_computed(compute, tmp_path):
    parts = Parts(join_cluster({}), CheckpointFolder(tmp_path, "key"), "features", 0.0)
    extract(Backbone(), elements, ROWS, "views", join_cluster({}), parts)
    check_rest(compute, 3)


def test_parts_that_do_not_follow_one_another_are_left_aside(compute, tmp_path):
    """As two trainings at once could have left them where a file system knows no locks."""
    parts = Parts(join_cluster({}), CheckpointFolder(tmp_path, "key"), "features", 0.0)
    whole = extract(Backbone(), elements, ROWS, "views", join_cluster({}), parts)
    others = CheckpointFolder(tmp_path, "key")
    first, second = others.parts("features")[:2]
    (tmp_path / "key" / second).rename((tmp_path / "key" / second).with_name(f"{int(Path(second).name) - 1:012}"))
    kept = list(Parts(join_cluster({}), others, "features").kept())
    assert [part.x.tolist() for part in kept] == [whole.x[: len(kept[0].labels)].tolist()]
    assert int(Path(first).name) == 0
