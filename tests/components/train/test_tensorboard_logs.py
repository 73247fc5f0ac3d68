"""What TensorBoard's own reader finds in the logs."""

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.util.tensor_util import make_ndarray

from components.train.tensorboard_logs import TensorBoardLogs
from tests.training_artifact import epoch_rows

ROWS = epoch_rows(head=[0.5, 0.6], finetune=[0.7])


@pytest.fixture
def logs(tmp_path):
    with TensorBoardLogs(tmp_path, {"backbone": "a|b", "dropout": 0.2}) as logs:
        yield logs


def scalars(folder, run, name) -> dict[int, float]:
    return {event.step: make_ndarray(event.tensor_proto).item() for event in read(folder / run).Tensors(name)}


def read(folder) -> EventAccumulator:
    events = EventAccumulator(str(folder), size_guidance={"tensors": 0})
    return events.Reload()


def test_each_epoch_is_there_as_soon_as_it_has_ended(logs, tmp_path):
    for number in range(1, 4):
        logs.follow(ROWS[:number])
        found = scalars(tmp_path, "validation", "epoch_macro_f1")
        assert found == pytest.approx(dict(enumerate([0.5, 0.6, 0.7][:number], 1)))


def test_what_was_there_before_an_interruption_is_written_once(logs, tmp_path):
    for history in (ROWS[:2], ROWS[:2], ROWS):
        logs.follow(history)
    events = read(tmp_path / "train").Tensors("epoch_loss")
    assert [(event.step, make_ndarray(event.tensor_proto).item()) for event in events] == [(1, 2), (2, 1), (3, 2)]


def test_names_of_both_runs(logs, tmp_path):
    logs.follow(ROWS)
    train, validation = (set(read(tmp_path / run).Tags()["tensors"]) for run in ("train", "validation"))
    assert train == {
        "parameters", "epoch_loss", "epoch_accuracy", "epoch_learning_rate", "epoch_images_per_s",
    }  # fmt: skip
    assert validation == {"epoch_loss", "epoch_accuracy", "epoch_macro_f1"}
    assert scalars(tmp_path, "train", "epoch_learning_rate") == pytest.approx({1: 1e-3, 2: 1e-4, 3: 1e-3})


def test_augmented_images_and_parameters(logs, tmp_path):
    samples = np.full((20, 30, 3), 200, np.uint8)
    logs.show(samples)
    logs.follow(ROWS)
    events = read(tmp_path / "train")
    width, height, png = make_ndarray(events.Tensors("augmentation")[0].tensor_proto)
    assert (width, height, png[1:4]) == (b"30", b"20", b"PNG")
    [table] = make_ndarray(events.Tensors("parameters")[0].tensor_proto).reshape(-1)
    assert table.decode().splitlines()[2:] == ["| backbone | `a\\|b` |", "| dropout | `0.2` |"]
