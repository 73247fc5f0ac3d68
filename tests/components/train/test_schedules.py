import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from components.train.loop import Data, fit
from components.train.schedules import learning_rate, schedule_callbacks
from components.train.steps import train_steps

STEPS, EPOCHS, PEAK = 10, 5, 0.4


def rates(schedule, warmup_epochs=1, epochs=EPOCHS) -> list[float]:
    """The rate of each step."""
    optimizer = keras.optimizers.SGD(learning_rate(schedule, PEAK, STEPS, epochs, warmup_epochs))
    taken = []
    for _ in range(STEPS * epochs):
        taken.append(float(optimizer.learning_rate))
        optimizer.iterations.assign_add(1)
    return taken


@pytest.mark.parametrize("warmup_epochs", [1, 2])
def test_cosine_rises_linearly_and_falls_to_zero(warmup_epochs):
    warmup = STEPS * warmup_epochs
    taken = rates("cosine", warmup_epochs)
    start = PEAK / warmup
    np.testing.assert_allclose(taken[:warmup], start + (PEAK - start) * np.arange(warmup) / warmup, rtol=1e-5)
    falling = np.arange(STEPS * EPOCHS - warmup) / (STEPS * EPOCHS - warmup)
    np.testing.assert_allclose(taken[warmup:], PEAK * (1 + np.cos(math.pi * falling)) / 2, atol=1e-6)


def test_cosine_without_warm_up_begins_at_its_peak():
    taken = rates("cosine", warmup_epochs=0)
    assert taken[0] == max(taken) == pytest.approx(PEAK)
    assert taken[-1] < 0.01 * PEAK


def test_a_warm_up_as_long_as_the_phase_or_longer_reaches_the_peak():
    for warmup_epochs in (2, 9):
        taken = rates("cosine", warmup_epochs, epochs=2)
        assert taken == sorted(taken)
        assert taken[-1] == pytest.approx(PEAK, rel=0.06)


@pytest.mark.parametrize("schedule", ["constant", "plateau"])
def test_others_stay_at_their_peak(schedule):
    np.testing.assert_allclose(rates(schedule), PEAK)


def test_only_a_plateau_needs_a_callback():
    assert schedule_callbacks("cosine", "macro_f1", 3) == schedule_callbacks("constant", "accuracy", 3) == []


@pytest.mark.parametrize(("monitor", "rate"), [("macro_f1", 0.05), ("accuracy", 0.1)])
def test_a_plateau_is_one_of_what_is_monitored(monitor, rate):
    """The accuracy rises, the macro-F1 does not."""
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.optimizer = keras.optimizers.SGD(0.1)
    [callback] = schedule_callbacks("plateau", monitor, 3)
    callback.set_model(model)
    callback.on_train_begin()
    for epoch in range(2):
        callback.on_epoch_end(epoch, {"val_macro_f1": 0.5, "val_accuracy": 0.5 + epoch / 10})
    assert float(model.optimizer.learning_rate) == pytest.approx(rate)


def test_a_plateau_halves_the_rate_in_the_loop():
    """The model is right from the start, so that its macro-F1 never rises again; 6 / 3 epochs are waited for."""
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2, use_bias=False)])
    model.set_weights([5 * np.eye(2)])
    columns = (np.eye(2, dtype=np.float32), np.arange(2), np.ones(2, np.float32))
    train = tf.data.Dataset.from_tensor_slices(columns[:2]).repeat().batch(2)
    optimizer = keras.optimizers.SGD(learning_rate("plateau", 0.1, 1, 6, 1))
    taken = []
    record = keras.callbacks.LambdaCallback(on_epoch_begin=lambda *_: taken.append(float(optimizer.learning_rate)))
    strategy = tf.distribute.get_strategy()
    fit(
        model,
        optimizer,
        train_steps(model, optimizer, tf.nn.sparse_softmax_cross_entropy_with_logits, strategy),
        Data(train, tf.data.Dataset.from_tensors(columns), 1, 1, 2),
        epochs=6,
        callbacks=[record, *schedule_callbacks("plateau", "macro_f1", 6)],
        strategy=strategy,
    )
    np.testing.assert_allclose(taken, [0.1, 0.1, 0.1, 0.05, 0.05, 0.025])
    assert model.optimizer is None
