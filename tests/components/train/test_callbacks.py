import time

import keras
import numpy as np
import pytest

from components.train.callbacks import BestWeights, EpochRecorder

LOGS = {"loss": 1.23456789, "accuracy": 0.5, "val_loss": 2.0, "val_accuracy": 0.25, "val_macro_f1": 1 / 3}


@pytest.fixture
def model():
    return keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False)])


@pytest.mark.parametrize("verbose", [True, False])
def test_an_epoch_is_recorded_and_told(capsys, verbose):
    history = []
    recorder = EpochRecorder(history, "head", 16, keras.optimizers.SGD(0.5), verbose=verbose)
    recorder.set_params({"epochs": 3, "steps": 10})
    recorder.on_epoch_begin(1)
    for step in range(10):
        recorder.on_train_batch_end(step, LOGS)
    recorder.on_epoch_end(1, LOGS)
    [row] = history
    assert (row["phase"], row["epoch"], row["learning_rate"]) == ("head", 2, 0.5)
    assert {name: row[name] for name in LOGS} == {**LOGS, "loss": 1.23457, "val_macro_f1": 0.33333}
    assert row["images_per_s"] > 160  # in less than a second
    told = capsys.readouterr().out
    assert told.startswith("train: head: epoch 2/3: loss 1.235, val_loss 2.000, val_accuracy 0.250, ") == verbose


def test_the_best_weights_of_all_phases_come_back(model):
    """By macro-F1 and, where that is the same, by the lower loss; the second phase is never better."""
    best = BestWeights(model, "macro_f1")
    for phase in ([(0.5, 1.0), (0.75, 3.0), (0.75, 2.0), (0.7, 0.1)], [(0.75, 2.0), (0.6, 1.0)]):
        callback = best.callback()
        for epoch, (macro_f1, val_loss) in enumerate(phase):
            model.set_weights([np.full((1, 1), len(phase) * 10 + epoch)])
            callback.on_epoch_end(epoch, {"val_macro_f1": macro_f1, "val_loss": val_loss})
        best.restore()
        assert model.get_weights() == [[[42.0]]]


@pytest.mark.parametrize(("monitor", "kept"), [("macro_f1", 0.0), ("accuracy", 1.0)])
def test_the_best_weights_are_those_with_most_of_what_is_monitored(model, monitor, kept):
    """The second epoch is right more often, at the cost of rare classes."""
    best = BestWeights(model, monitor)
    for epoch, (macro_f1, accuracy) in enumerate([(0.7, 0.8), (0.6, 0.9), (0.5, 0.85)]):
        model.set_weights([np.full((1, 1), epoch)])
        logs = {"val_macro_f1": macro_f1, "val_accuracy": accuracy, "val_loss": 1.0 - epoch / 10}
        best.callback().on_epoch_end(epoch, logs)
    best.restore()
    assert model.get_weights() == [[[kept]]]


def test_before_the_first_epoch_nothing_is_restored(model):
    model.set_weights([np.full((1, 1), 7.0)])
    BestWeights(model, "macro_f1").restore()
    assert model.get_weights() == [[[7.0]]]


def test_an_epoch_gone_on_with_is_timed_by_its_own_steps():
    """Of ten steps, another process ran six."""
    history = []
    recorder = EpochRecorder(history, "head", 16, keras.optimizers.SGD(0.5), verbose=False)
    recorder.set_params({"epochs": 3, "steps": 10})
    recorder.on_epoch_begin(1)
    recorder.on_train_batch_begin(6)
    recorder.on_train_batch_end(8, LOGS)  # three steps in one call
    recorder.on_train_batch_begin(9)
    recorder.on_train_batch_end(9, LOGS)
    time.sleep(0.1)
    recorder.on_epoch_end(1, LOGS)
    assert 0 < history[0]["images_per_s"] < 4 * 16 / 0.1
