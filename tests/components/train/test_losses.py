"""The loss by hand: two classes, logits whose probabilities are 4/5 and 1/5."""

import math

import numpy as np
import pytest
import tensorflow as tf

from components.train.imbalance import correction
from components.train.losses import focal_cross_entropy, training_loss

LOGITS = tf.math.log([[0.8, 0.2]])
RIGHT, WRONG = -math.log(0.8), -math.log(0.2)
COUNTS = [30, 10]  # class weights of strength 1: 2/3 and 2


def loss_of(labels, imbalance="none", *, label_smoothing=0.0, focal_gamma=2.0) -> float:
    of_phase = correction(imbalance, 1.0, COUNTS, focal_gamma)
    [value] = training_loss(of_phase, 2, label_smoothing)(tf.constant(labels), LOGITS).numpy()
    return float(value)


@pytest.mark.parametrize("imbalance", ["none", "balanced_sampling", "crt"])
def test_the_plain_loss(imbalance):
    assert loss_of([0], imbalance) == pytest.approx(RIGHT, rel=1e-6)
    assert loss_of([[0.25, 0.75]], imbalance) == pytest.approx(0.25 * RIGHT + 0.75 * WRONG, rel=1e-6)


def test_a_class_has_its_weight():
    assert loss_of([0], "class_weight") == pytest.approx(2 / 3 * RIGHT, rel=1e-6)
    assert loss_of([1], "class_weight") == pytest.approx(2 * WRONG, rel=1e-6)


def test_a_mixture_weighs_what_its_parts_weigh():
    """Three quarters of the frequent class: 3/4 x 2/3 + 1/4 x 2 = 1, where the larger part alone weighs 2/3."""
    assert loss_of([[0.75, 0.25]], "class_weight") == pytest.approx(0.75 * RIGHT + 0.25 * WRONG, rel=1e-6)


def test_label_smoothing_spreads_the_target_but_not_the_weight():
    smoothed = 0.05 * RIGHT + 0.95 * WRONG
    assert loss_of([1], label_smoothing=0.1) == pytest.approx(smoothed, rel=1e-6)
    assert loss_of([1], "class_weight", label_smoothing=0.1) == pytest.approx(2 * smoothed, rel=1e-6)


def test_logits_are_adjusted():
    """Adjusted by the prior (3/4, 1/4), the odds 4 : 1 become 12 : 1."""
    assert loss_of([1], "logit_adjustment") == pytest.approx(-math.log(1 / 13), rel=1e-6)


def test_the_focal_loss():
    """An error of 1/5 leaves 1/25 of the loss of a right answer; one of 4/5 leaves 16/25 of a wrong one's."""
    assert loss_of([0], "focal") == pytest.approx(2 / 3 * RIGHT / 25, rel=1e-5)
    assert loss_of([1], "focal") == pytest.approx(2 * WRONG * 16 / 25, rel=1e-5)
    assert loss_of([[0.75, 0.25]], "focal") == pytest.approx(0.75 * RIGHT / 25 + 0.25 * WRONG * 16 / 25, rel=1e-5)


def test_a_focal_gamma_of_0_is_the_class_weight():
    assert loss_of([1], "focal", focal_gamma=0.0) == loss_of([1], "class_weight")


@pytest.mark.parametrize("gamma", [0.5, 2.0])
def test_the_focal_loss_of_a_sure_model_has_a_slope(gamma):
    logits = tf.Variable([[200.0, -200.0]])
    with tf.GradientTape() as tape:
        losses = focal_cross_entropy(tf.constant([[1.0, 0.0]]), logits, gamma)
    assert np.isfinite(tape.gradient(losses, logits)).all()


def test_without_extras_the_loss_is_bit_by_bit_the_one_of_logit_adjustment_alone():
    rng = np.random.default_rng(0)
    logits, labels = tf.constant(rng.normal(size=(64, 2)), tf.float32), tf.constant(rng.integers(0, 2, 64))
    of_phase = correction("logit_adjustment", 1.0, COUNTS)
    targets = tf.one_hot(labels, 2) * (1 - 0.1) + 0.1 / 2
    expected = tf.nn.softmax_cross_entropy_with_logits(targets, logits + of_phase.log_prior)
    assert np.array_equal(training_loss(of_phase, 2, 0.1)(labels, logits), expected)
