"""What a compiled model computes: the same numbers, with less work."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from components.train import inference
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


def scalings_of_convolutions(infer) -> int:
    """Counts the multiplications, channel by channel, of what convolutions returned."""
    operations = infer.graph.get_operations()
    convolved = {op.outputs[0].ref() for op in operations if "Conv2" in op.type or "conv2d" in op.type}
    return sum(op.type == "Mul" and any(tensor.ref() in convolved for tensor in op.inputs) for op in operations)


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
        lambda: [of_layers(layers.Conv2D(5, 3), NORMALIZATION()), NORMALIZATION()],
    ],
)
def test_batch_normalization_becomes_part_of_the_convolution_before_it(chain):
    model = of_layers(*chain())
    infer = compiled(model)
    np.testing.assert_allclose(infer(IMAGES), model.predict(IMAGES, verbose=0), rtol=1e-5)
    assert scalings_of_convolutions(infer) == 0


def test_what_it_is_not_part_of_stays_as_it_is():
    inputs = keras.Input((6, 6, 4))
    convolved = layers.Conv2D(4, 3, padding="same")(inputs)
    activated = layers.Conv2D(4, 3, padding="same", activation="relu")(inputs)
    normalized = [NORMALIZATION()(x) for x in (convolved, activated, inputs)]
    model = filled(inputs, layers.Concatenate()([convolved, *normalized]))
    np.testing.assert_allclose(compiled(model)(IMAGES), model.predict(IMAGES, verbose=0), rtol=1e-5)


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
