"""Precision and compilation tried out with real steps, which leave no trace, and what is saved afterwards."""

import json
import zipfile

import keras
import numpy as np
import pytest
import tensorflow as tf

from components._errors import InputError
from components.train.classifier import Classifier
from components.train.cluster import Cluster, join_cluster
from components.train.loop import distributed
from components.train.parameters import TrainParameters
from components.train.phase_steps import StepChooser
from components.train.speed import Computation, Speed
from components.train.trial_steps import random_batches

CLASSES, SIZE_PX = 3, 32
SPEC = tf.TensorSpec([4, SIZE_PX, SIZE_PX, 3], tf.uint8), tf.TensorSpec([4], tf.int64)


class Phase:
    """As much of a phase as choosing its steps takes; long enough for all to be tried."""

    name, steps, epochs = "scratch", 1_000_000, 20

    def __init__(self, model: keras.Model):
        self.model = model

    def train(self, first: int) -> tf.data.Dataset:  # noqa: ARG002 - as a phase is asked
        return random_batches(SPEC, CLASSES)

    def finished(self, x: tf.Tensor) -> tf.Tensor:
        return x


def cross_entropy(labels, logits):
    return tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)


def set_up(**settings) -> tuple[Classifier, StepChooser, Phase, keras.optimizers.Optimizer]:
    keras.utils.set_random_seed(0)
    parameters = TrainParameters(backbone="baseline_cnn", image_size_px=SIZE_PX, **settings)
    classifier = Classifier(parameters, CLASSES)
    optimizer = keras.optimizers.Adam()
    optimizer.build(classifier.model.trainable_variables)
    chooser = StepChooser(parameters, classifier, CLASSES, join_cluster({}))
    return classifier, chooser, Phase(classifier.model), optimizer


def values(*owners) -> list[bytes]:
    return [keras.ops.convert_to_numpy(each).tobytes() for owner in owners for each in owner.variables]


def train(steps, number: int = 3) -> np.ndarray:
    batches = distributed(random_batches(SPEC, CLASSES), tf.distribute.get_strategy())
    return steps.run(batches, number, np.zeros(2, np.float32))[:, 0]


@pytest.mark.slow
def test_tries_leave_no_trace(capsys):
    classifier, chooser, phase, optimizer = set_up()
    before = values(classifier.model, optimizer)
    chosen = chooser.steps(phase, optimizer, cross_entropy)
    assert values(classifier.model, optimizer) == before
    tried = {each.computation: each for each in chosen.speed.measured}
    assert all(tried[Computation(precision)].ms_per_step > 0 for precision in ("float32", "mixed_bfloat16"))
    assert tried[Computation("float32", xla=True)].compile_s > 0
    assert "train: scratch: float32: " in capsys.readouterr().out


@pytest.mark.slow
def test_what_follows_is_as_without_tries():
    _, chooser, phase, optimizer = set_up(precision="float32", xla="off")
    untried = train(chooser.steps(phase, optimizer, cross_entropy))
    _, chooser, phase, optimizer = set_up()
    phase.steps, phase.epochs = 200, 1  # plain steps are taken, and show that others would not pay
    tried = chooser.steps(phase, optimizer, cross_entropy)
    assert "too little for trying others to pay" in tried.speed.reason
    assert train(tried).tobytes() == untried.tobytes()


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_any_precision_learns_in_float32_variables_and_saves_a_float32_model(precision, tmp_path):
    classifier, chooser, phase, optimizer = set_up(precision=precision, xla="off")
    chosen = chooser.steps(phase, optimizer, cross_entropy)
    assert chosen.speed == Speed(Computation(precision), "as set")
    assert isinstance(chosen.optimizer, keras.optimizers.LossScaleOptimizer) == (precision == "mixed_float16")
    losses = train(chosen, 10)
    assert losses[-1] < losses[0]
    assert {variable.dtype for variable in classifier.model.trainable_variables} == {"float32"}
    pixels = np.random.default_rng(0).integers(0, 256, (4, SIZE_PX, SIZE_PX, 3), np.uint8)
    rounded = classifier.model(pixels)
    assert rounded.dtype == tf.float32
    classifier.compute_in("float32")
    exact = classifier.model(pixels)
    assert 0 < np.abs(rounded - exact).max() < 0.2
    classifier.model.save(tmp_path / "model.keras")
    config = zipfile.ZipFile(tmp_path / "model.keras").read("config.json").decode()
    assert "float16" not in config.replace("bfloat16", "float16")
    assert "mixed" not in json.dumps(json.loads(config))
    loaded = keras.models.load_model(tmp_path / "model.keras", compile=False)
    np.testing.assert_array_equal(loaded(pixels), exact)


def test_a_head_alone_has_no_precision_to_choose():
    classifier, chooser, phase, _ = set_up(precision="mixed_bfloat16", xla="off")
    phase.model = classifier.head
    optimizer = keras.optimizers.Adam()
    optimizer.build(classifier.head.trainable_variables)
    assert chooser.steps(phase, optimizer, cross_entropy).speed.computation == Computation()


def test_an_interrupted_training_keeps_its_choice():
    _, chooser, phase, optimizer = set_up()
    kept = Speed(Computation("mixed_bfloat16"), "2 times as fast as float32")
    assert chooser.steps(phase, optimizer, cross_entropy, kept).speed is kept


def test_xla_needs_one_replica():
    class Two:
        num_replicas_in_sync = 2

    with pytest.raises(InputError, match="xla: expected off or auto, because 2 replicas share a batch"):
        StepChooser(TrainParameters(xla="on"), None, CLASSES, Cluster(Two()))
