"""What a compiled model computes: the same numbers, with less work."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from components.train import inference
from components.train.backbones.build import build_backbone
from components.train.inference import compiled

RNG = np.random.default_rng(0)
IMAGES = tf.constant(RNG.random((3, 6, 6, 4), np.float32))


def filled(inputs, outputs) -> keras.Model:
    """Returns a model of random weights; all are positive, as variances are."""
    model = keras.Model(inputs, outputs)
    model.set_weights([RNG.uniform(0.5, 1.5, weight.shape) for weight in model.get_weights()])
    return model


def of_layers(*chain: keras.Layer) -> keras.Model:
    x = inputs = keras.Input((6, 6, 4))
    for layer in chain:
        x = layer(x)
    return filled(inputs, x)


def scalings(infer) -> int:
    """Counts what is multiplied image by image; kernels are as well, but once for all."""
    products = (op.outputs[0].shape for op in infer.graph.get_operations() if op.type == "Mul")
    return sum(shape.rank == 4 and shape[0] is None for shape in products)


NORMALIZATION = layers.BatchNormalization


@pytest.mark.parametrize(
    "chain",
    [
        lambda: [layers.Conv2D(5, 3, use_bias=False), NORMALIZATION()],
        lambda: [layers.Conv2D(5, 3, padding="same", strides=2), NORMALIZATION(), layers.ReLU(6.0)],
        lambda: [layers.Conv2D(6, 3, groups=2), NORMALIZATION(scale=False)],
        lambda: [layers.Conv2D(5, 1), NORMALIZATION(center=False, epsilon=0.1)],
        lambda: [layers.DepthwiseConv2D(3, use_bias=False), NORMALIZATION()],
        lambda: [layers.DepthwiseConv2D(3, depth_multiplier=2, dilation_rate=2), NORMALIZATION()],
        lambda: [of_layers(layers.Conv2D(5, 3), NORMALIZATION())],
        lambda: [keras.Sequential([layers.ReLU()]), layers.Conv2D(5, 3), NORMALIZATION()],
    ],
)
def test_batch_normalization_becomes_part_of_the_convolution_before_it(chain):
    model = of_layers(*chain())
    infer = compiled(model)
    np.testing.assert_allclose(infer(IMAGES), model.predict(IMAGES, verbose=0), rtol=1e-5)
    assert scalings(infer) == 0


def test_what_it_is_not_part_of_stays_as_it_is():
    inputs = keras.Input((6, 6, 4))
    convolved = layers.Conv2D(4, 3, padding="same")(inputs)
    activated = layers.Conv2D(4, 3, padding="same", activation="relu")(inputs)
    normalized = [NORMALIZATION()(x) for x in (convolved, activated, inputs)]
    model = filled(inputs, layers.Concatenate()([convolved, *normalized]))
    infer = compiled(model)
    np.testing.assert_allclose(infer(IMAGES), model.predict(IMAGES, verbose=0), rtol=1e-5)
    assert scalings(infer) == 2


class Own(NORMALIZATION):
    """A layer with another formula."""

    def call(self, inputs, training=True):
        return super().call(inputs) * (2 if training else 3)


def test_layers_and_models_of_ones_own_compute_as_they_would():
    class OwnModel(keras.Model):
        def call(self, inputs):
            return 2 * super().call(inputs)

    inputs = keras.Input((6, 6, 4))
    own = OwnModel(inputs, layers.Conv2D(4, 3)(inputs))
    model = of_layers(layers.Conv2D(4, 3), Own(), layers.RandomFlip(seed=0))
    for each in (model, keras.Model(inputs, own(inputs))):
        np.testing.assert_allclose(compiled(each)(IMAGES), each.predict(IMAGES, verbose=0), rtol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["efficientnet_lite0", "mobilenet_v3_small", "resnet18", "resnet50_v2", "xception"])
def test_backbones_compute_what_they_would(name):
    model = build_backbone(name, "none", 96)
    for layer in model._flatten_layers():
        if isinstance(layer, NORMALIZATION):  # statistics of nothing would hide what is done with them
            layer.set_weights([weight + RNG.uniform(0, 0.2, weight.shape) for weight in layer.get_weights()])
    pixels = tf.constant(RNG.uniform(0, 255, (2, 96, 96, 3)), tf.float32)
    expected = model(pixels, training=False).numpy()
    np.testing.assert_allclose(compiled(model)(pixels), expected, rtol=0, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize("most_constants", [0, inference._MOST_CONSTANTS])
def test_weights_are_those_of_the_time_it_was_compiled_for(most_constants, monkeypatch):
    monkeypatch.setattr(inference, "_MOST_CONSTANTS", most_constants)
    model = of_layers(layers.Conv2D(5, 3), NORMALIZATION())
    expected, infer = model.predict(IMAGES, verbose=0), compiled(model)
    np.testing.assert_allclose(infer(IMAGES), expected, rtol=1e-5)
    model.set_weights([2 * weight for weight in model.get_weights()])
    assert np.allclose(infer(IMAGES), expected, rtol=1e-5) == bool(most_constants)


def test_layers_compute_in_their_precision():
    model = of_layers(layers.Conv2D(5, 3, dtype="mixed_bfloat16"), NORMALIZATION(dtype="mixed_bfloat16"))
    found = compiled(model)(IMAGES)
    assert found.dtype == tf.bfloat16
    expected = model.predict(IMAGES, verbose=0)
    np.testing.assert_allclose(tf.cast(found, tf.float32), expected.astype(np.float32), rtol=0.03)
