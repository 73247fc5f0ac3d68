"""Training interrupted in a step goes on with what it draws and has measured; killed processes: tests/integration."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from components._errors import InputError
from components.train import phase_steps, training
from components.train.batch_size import BatchSize
from components.train.checkpoint import CheckpointFolder
from components.train.cluster import join_cluster
from components.train.continuation import Continuation
from components.train.input_pipeline import read_images
from components.train.parameters import TrainParameters
from components.train.speed import Computation, Measured, Speed
from components.train.training import Trainer, TrainingResult

pytestmark = pytest.mark.slow

TIMINGS = ("seconds", "images_per_s")
SMALL = {"backbone": "baseline_cnn", "image_size_px": 32, "finetune_epochs": 0}
# One layer of Keras and one of KerasCV.
LAYERS = [{"layer": "RandomZoom", "height_factor": 0.3}, {"layer": "GridMask", "ratio_factor": [0.5, 0.6]}]
DRAWN = {"imbalance": "crt", "mixup_alpha": 0.4, "cutmix_alpha": 1.0, "augmentation": LAYERS}


class Interruption(keras.callbacks.Callback):
    """Interrupts a training in a step, before its checkpoint.

    Args:
        phase: In which, from 0, of those that this callback sees.
        epoch: Of the phase, from 0.
        step: Of the epoch, from 0.
    """

    def __init__(self, phase: int, epoch: int, step: int):
        super().__init__()
        self._at, self._phase, self._epoch = (phase, epoch, step), -1, 0

    def on_train_begin(self, _logs=None):
        self._phase += 1

    def on_epoch_begin(self, epoch, _logs=None):
        self._epoch = epoch

    def on_train_batch_end(self, batch, logs=None):  # noqa: ARG002 - as Keras calls it
        if (self._phase, self._epoch, batch) == self._at:
            raise KeyboardInterrupt


@pytest.fixture(scope="module")
def images(datasets):
    return [read_images(datasets / name, 32) for name in ("train", "validation")]


def trained(images, folder=None, *interruptions: Interruption, **parameters) -> TrainingResult:
    """Trains; with a folder, from the checkpoint there on, and with one after each step."""
    cluster = join_cluster({})
    continuation = Continuation(cluster, CheckpointFolder(folder, "key") if folder else None, minutes=1e-9)
    given = TrainParameters(**SMALL | parameters)
    return Trainer(given, *images, cluster, continuation, callbacks=interruptions).train()


def rows_of(result: TrainingResult) -> list[dict]:
    return [{name: value for name, value in row.items() if name not in TIMINGS} for row in result.history]


def test_what_is_drawn_goes_on_to_the_bit(images, tmp_path, capsys):
    """Eight steps make an epoch; pairs of batches are mixed, and the first interruption falls between two of a pair."""
    parameters = DRAWN | {"precision": "mixed_bfloat16", "batch_size": 4, "head_epochs": 2, "crt_epochs": 2}
    undisturbed = trained(images, **parameters)
    for interruption in (Interruption(0, 1, 3), Interruption(1, 0, 5)):
        with pytest.raises(KeyboardInterrupt):
            trained(images, tmp_path, interruption, **parameters)
    resumed = trained(images, tmp_path, **parameters)
    assert [line for line in capsys.readouterr().out.splitlines() if "going on" in line] == [
        "train: going on from a checkpoint: scratch, epoch 2, after 3 steps",
        "train: going on from a checkpoint: classifier, epoch 1, after 5 steps",
    ]
    assert [row["phase"] for row in resumed.history] == ["scratch"] * 2 + ["classifier"] * 2
    assert rows_of(resumed) == rows_of(undisturbed)
    for weights, expected in zip(resumed.model.get_weights(), undisturbed.model.get_weights(), strict=True):
        np.testing.assert_array_equal(weights, expected)


def test_what_was_measured_is_stayed_with_though_there_is_no_checkpoint_yet(images, tmp_path, monkeypatch):
    chosen = Speed(Computation("mixed_bfloat16"), "2 times as fast", (Measured(Computation(), 8.5, 1.2),))
    monkeypatch.setattr(phase_steps, "without_trying", lambda *_: None)
    monkeypatch.setattr(phase_steps, "fastest", lambda *_: chosen)
    monkeypatch.setattr(training, "fastest_batch", lambda *_: BatchSize(10, "larger ones are not tried"))
    with pytest.raises(KeyboardInterrupt):
        trained(images, tmp_path, Interruption(0, 0, 0), batch_size="auto", head_epochs=1)
    assert CheckpointFolder(tmp_path, "key").read() == b""
    for module, measures in ((phase_steps, "fastest"), (training, "fastest_batch")):
        monkeypatch.setattr(module, measures, lambda *_: pytest.fail("measured again"))
    result = trained(images, tmp_path, batch_size="auto", head_epochs=1)
    assert Speed.of(result.speed["scratch"]) == chosen
    assert result.speed["batch_size"]["batch_size"] == 10


def test_a_batch_found_where_other_replicas_shared_it_is_refused(images, tmp_path, monkeypatch):
    CheckpointFolder(tmp_path, "key").keep_speed({"batch_size": BatchSize(9, "larger ones are not tried").facts()})
    monkeypatch.setattr(type(tf.distribute.get_strategy()), "num_replicas_in_sync", 2)
    with pytest.raises(InputError, match="9 was found before the interruption, which 2 replicas can't share"):
        trained(images, tmp_path, batch_size="auto", head_epochs=1)
