"""Features in the precision that is set or fastest."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from components.train import frozen_backbone
from components.train.classifier import Classifier
from components.train.cluster import join_cluster
from components.train.frozen_backbone import BATCH_SIZE, FrozenBackbone
from components.train.parameters import TrainParameters
from components.train.speed import Computation

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
    speed = backbone(classifier)
    assert speed.speed is None
    speed.forward(PIXELS)
    tried = {each.computation.precision: each for each in speed.speed.measured}
    assert tried["float32"].ms_per_step > 0
    assert tried["mixed_bfloat16"].ms_per_step > 0
    assert f"train: features: computed in {speed.speed.computation}: " in capsys.readouterr().out


def test_few_images_are_not(classifier, capsys):
    few = backbone(classifier, images=20 * BATCH_SIZE - 1)
    few.forward(PIXELS)
    assert few.speed.computation == Computation()
    assert few.speed.measured == ()
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(("units", "tried"), [(True, True), (False, False)])
def test_units_for_bfloat16_make_a_try_pay_sooner(classifier, units, tried, monkeypatch):
    def told(options, begin, steps, failures, budget):
        budgets.append(budget)
        return frozen_backbone.Speed(options[0], "as set")

    budgets: list[float] = []
    monkeypatch.setattr(frozen_backbone, "fastest", told)
    monkeypatch.setattr(frozen_backbone, "computes_bfloat16", lambda _: units)
    backbone(classifier).forward(PIXELS)
    assert (budgets[0] > frozen_backbone.BUDGET) == tried
