"""Checkpoints on disk; that training goes on from them to the bit is shown in tests/integration."""

import math
from io import BytesIO

import numpy as np
import pytest
import tensorflow as tf

from components.train.checkpoint import Checkpoint, CheckpointFolder, training_key
from components.train.loop import Progress
from components.train.parameters import TrainParameters

ROW = {"phase": "head", "epoch": 1, "loss": 1 / 3}
CHECKPOINT = Checkpoint(
    phase="finetune",
    progress=Progress(epoch=2, step=3, loss_sum=0.1 + 0.2, accuracy_sum=1 / 3),
    stopped=True,
    history=[ROW],
    exposure={"head": {"küche 客厅": {"images": 3}}},
    callbacks=[{"wait": 2, "best": None}, {}],
    best_merit=(-math.inf, -math.inf),
    model=[np.float32([[np.nan, -0.0], [1e-45, 3]]), np.array([7, 1], np.uint32)],
    optimizer=[np.array(5, np.int64)],
    best=[],
)


@pytest.fixture
def folder(tmp_path):
    return CheckpointFolder(tmp_path / "checkpoints", "mine", writable=True)


def test_a_checkpoint_comes_back_to_the_bit(folder):
    folder.write(CHECKPOINT)
    again = Checkpoint.load(folder.read())
    assert again.model[0].tobytes() == CHECKPOINT.model[0].tobytes()
    assert [array.dtype for array in again.model] == [np.float32, np.uint32]
    assert (again.optimizer, again.best) == (CHECKPOINT.optimizer, [])
    for name in ("phase", "progress", "stopped", "history", "exposure", "callbacks", "best_merit"):
        assert getattr(again, name) == getattr(CHECKPOINT, name)


def test_a_new_checkpoint_replaces_the_last_one_and_leaves_nothing_else(folder, tmp_path):
    for _ in range(2):
        folder.write(CHECKPOINT)
    assert [path.name for path in tmp_path.rglob("*")] == ["checkpoints", "mine", "state.npz"]


def test_without_a_checkpoint_there_is_nothing_to_say(folder, capsys):
    assert folder.read() == b""
    assert capsys.readouterr().out == ""


def test_those_of_another_training_are_ignored_and_stay(folder, tmp_path, capsys):
    other = CheckpointFolder(tmp_path / "checkpoints", "other", writable=True)
    other.write(CHECKPOINT)
    assert folder.read() == b""
    assert capsys.readouterr().out == (
        f"train: {tmp_path / 'checkpoints'}: its checkpoints belong to other data, parameters or code; "
        "they are ignored\n"
    )
    assert other.read()


def test_a_damaged_one_is_ignored(folder, tmp_path, capsys):
    folder.write(CHECKPOINT)
    file = tmp_path / "checkpoints" / "mine" / "state.npz"
    file.write_bytes(file.read_bytes()[:-100])
    assert folder.read() == b""
    assert "this checkpoint is damaged" in capsys.readouterr().out


def test_saving_needs_no_pickle():
    stream = BytesIO()
    CHECKPOINT.save(stream)
    with np.load(BytesIO(stream.getvalue()), allow_pickle=False) as archive:
        assert sorted(archive) == ["facts", "model/0", "model/1", "optimizer/0"]


@pytest.mark.parametrize("writable", [True, False])
def test_what_took_long_is_computed_once_by_who_may_write(tmp_path, writable):
    calls = []

    def compute():
        calls.append(1)
        x = np.arange(10_000, dtype=np.float32).reshape(5000, 2)
        return tf.data.Dataset.from_tensor_slices((x, np.arange(5000)))

    folder = CheckpointFolder(tmp_path / "checkpoints", "mine", writable=writable)
    for _ in range(2):
        rows = list(folder.kept("head: features", compute).as_numpy_iterator())
        assert len(rows) == 5000
        assert (rows[4321][0].tolist(), rows[4321][1]) == ([8642.0, 8643.0], 4321)
    assert len(calls) == (1 if writable else 2)


def test_the_key_is_of_all_that_the_result_depends_on():
    key = training_key(TrainParameters(), ["a", "b"])
    assert key == training_key(TrainParameters(checkpoint_minutes=1), ["a", "b"])
    assert key not in (training_key(TrainParameters(seed=1), ["a", "b"]), training_key(TrainParameters(), ["a", "c"]))


def test_cleared_nothing_is_left(folder, tmp_path):
    folder.write(CHECKPOINT)
    folder.clear()
    assert list(tmp_path.iterdir()) == []
