"""Features in the precision that is set or fastest."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from components.train import frozen_backbone, inference
from components.train.classifier import Classifier
from components.train.cluster import join_cluster
from components.train.frozen_backbone import BATCH_SIZE, FrozenBackbone
from components.train.parameters import TrainParameters
from components.train.speed import Computation, Speed

SIZE_PX, MANY = 32, 10_000_000
PIXELS = tf.constant(np.random.default_rng(0).integers(0, 256, (4, SIZE_PX, SIZE_PX, 3), np.uint8))


@pytest.fixture(scope="module")
def classifier():
    keras.utils.set_random_seed(0)
    return Classifier(TrainParameters(backbone="baseline_cnn", image_size_px=SIZE_PX), 3)


def backbone(classifier, precision="auto", images=MANY) -> FrozenBackbone:
    return FrozenBackbone(classifier, precision, images, join_cluster({}))


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16", "mixed_float16"])
def test_features_are_float32_of_any_precision_and_so_is_the_classifier_afterwards(classifier, precision):
    expected = classifier.features(PIXELS)
    frozen = backbone(classifier, precision)
    found = frozen.forward(PIXELS)
    assert (found.dtype, found.shape) == (tf.float32, (4, frozen.width))
    error = np.abs(found - expected).max() / np.abs(expected).max()
    assert (error < 1e-5) == (precision == "float32")
    assert error < 0.05
    np.testing.assert_array_equal(classifier.features(PIXELS), expected)
    assert (frozen.speed.computation, frozen.speed.reason) == (Computation(precision), "as set")


def test_many_images_are_worth_a_try(classifier, capsys):
    speed = backbone(classifier).speed
    tried = {each.computation.precision: each for each in speed.measured}
    assert tried["float32"].ms_per_step > 0
    assert tried["mixed_bfloat16"].ms_per_step > 0
    assert f"train: features: computed in {speed.computation}: " in capsys.readouterr().out


def test_few_images_are_not(classifier, capsys):
    few = backbone(classifier, images=19 * BATCH_SIZE - 1)
    assert few.speed.computation == Computation()
    assert few.speed.measured == ()
    assert capsys.readouterr().out.endswith("computed in float32: 18 steps are too few for trying others to pay\n")


@pytest.mark.parametrize(("units", "tried"), [(True, True), (False, False)])
def test_units_for_bfloat16_make_a_try_pay_sooner(classifier, units, tried, monkeypatch):
    def told(options, begin, steps, failures, budget):
        budgets.append(budget)
        return Speed(options[0], "as set")

    budgets: list[float] = []
    monkeypatch.setattr(frozen_backbone, "fastest", told)
    monkeypatch.setattr(frozen_backbone, "computes_bfloat16", lambda _: units)
    backbone(classifier).forward(PIXELS)
    assert (budgets[0] > frozen_backbone.BUDGET) == tried


def test_what_was_computed_before_is_stayed_with(classifier, capsys):
    before = Speed(Computation("mixed_bfloat16"), "2 times as fast")
    frozen = backbone(classifier)
    frozen.stay_with(before)
    np.testing.assert_array_equal(frozen.forward(PIXELS), backbone(classifier, "mixed_bfloat16").forward(PIXELS))
    assert frozen.speed is before
    assert capsys.readouterr().out == ""


def unable(error: Exception):
    """Returns what compiles float32 only."""

    def compiled(model):
        if any("bfloat16" in layer.compute_dtype for layer in model._flatten_layers()):
            raise error
        return inference.compiled(model)

    return compiled


@pytest.mark.parametrize(
    ("compiled", "note"),
    [
        (unable(tf.errors.UnimplementedError(None, None, "no kernel")), "no kernel"),
        (unable(TypeError("float32 and bfloat16")), "float32 and bfloat16"),
    ],
)
def test_a_precision_that_does_not_run_is_left_aside(classifier, compiled, note, monkeypatch):
    monkeypatch.setattr(frozen_backbone, "compiled", compiled)
    expected = classifier.features(PIXELS)
    speed = backbone(classifier).speed
    assert speed.computation == Computation()
    assert speed.measured[1].note == f"does not run here: {note}"
    np.testing.assert_array_equal(classifier.features(PIXELS), expected)


class Workers:
    """Two, of which the other takes or fails as it is told: what both wrote into an array, when they combine it."""

    workers, worker, is_chief = 2, 0, True

    def __init__(self, other_s: float):
        self._other_s = other_s

    def combined(self, seconds: np.ndarray) -> np.ndarray:
        return seconds + np.array([0, self._other_s])

    def from_chief(self, content: bytes) -> bytes:
        return content


def test_the_slowest_worker_counts_and_one_that_fails_ends_the_try_for_all(classifier):
    slow = FrozenBackbone(classifier, "auto", MANY, Workers(1000.0))
    assert slow._begin(Computation())(1) == 1000
    failing = FrozenBackbone(classifier, "auto", MANY, Workers(np.inf))
    with pytest.raises(tf.errors.UnimplementedError, match="another worker can't"):
        failing._begin(Computation())(1)


def test_features_that_overflow_are_no_use(classifier, monkeypatch):
    monkeypatch.setattr(frozen_backbone, "compiled", lambda _: lambda pixels: tf.fill([len(pixels), 4], np.inf))
    with pytest.raises(tf.errors.InvalidArgumentError, match="features are not finite"):
        backbone(classifier)._begin(Computation("mixed_float16"))(1)
