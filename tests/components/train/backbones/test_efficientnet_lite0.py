"""The backbone against the published weights, by hand and on a photograph."""

import keras
import numpy as np
import pytest
from sklearn.datasets import load_sample_image

from components.train.backbones.efficientnet_lite0 import _weights_file, efficientnet_lite0
from components.train.legacy_torch import read_state_dict

DAISY = 985  # ImageNet's index
SIZE_PX = 32


@pytest.fixture(scope="module")
def state():
    return read_state_dict(_weights_file())


@pytest.fixture(scope="module")
def backbone():
    return efficientnet_lite0(SIZE_PX)


@pytest.fixture(scope="module")
def activation(backbone):
    """Returns the output of a layer by name, for one random image; "input" is the image."""
    image = np.random.default_rng(0).integers(0, 256, (1, SIZE_PX, SIZE_PX, 3)).astype(np.float32)
    names = ["stem_relu", "block0_project_bn", "block15_project_bn", "head_relu"]
    outputs = keras.Model(backbone.input, [backbone.get_layer(name).output for name in names])(image, training=False)
    return {"input": image, **{name: output.numpy() for name, output in zip(names, outputs, strict=True)}}


def convolution(x: np.ndarray, weight: np.ndarray, stride: int = 1) -> np.ndarray:
    """PyTorch's weights [out, in / groups, height, width] on x [1, height, width, in], "same" as TensorFlow pads it."""
    size = weight.shape[-1]
    total = max(size - stride, 0)
    padded = np.pad(x[0], [(total // 2, total - total // 2)] * 2 + [(0, 0)])
    windows = np.lib.stride_tricks.sliding_window_view(padded, (size, size), (0, 1))[::stride, ::stride]
    depthwise = weight.shape[1] == 1 < x.shape[-1]
    return np.einsum(
        "hwcij,cij->hwc" if depthwise else "hwcij,ocij->hwo", windows, weight[:, 0] if depthwise else weight
    )[None]


def batch_normalization(x: np.ndarray, state: dict[str, np.ndarray], name: str) -> np.ndarray:
    weight, bias, mean, variance = (
        state[f"{name}.{part}"] for part in ("weight", "bias", "running_mean", "running_var")
    )
    return (x - mean) / np.sqrt(variance + 1e-3) * weight + bias


def relu6(x: np.ndarray) -> np.ndarray:
    return np.clip(x, 0, 6)


def test_stem(state, activation):
    normalized = (activation["input"] - 127) / 128
    expected = relu6(batch_normalization(convolution(normalized, state["_conv_stem.weight"], 2), state, "_bn0"))
    assert 0 < expected.mean() < 6
    np.testing.assert_allclose(activation["stem_relu"], expected, atol=1e-4)


def test_first_block(state, activation):
    filtered = convolution(activation["stem_relu"], state["_blocks.0._depthwise_conv.weight"])
    filtered = relu6(batch_normalization(filtered, state, "_blocks.0._bn1"))
    projected = convolution(filtered, state["_blocks.0._project_conv.weight"])
    expected = batch_normalization(projected, state, "_blocks.0._bn2")
    np.testing.assert_allclose(activation["block0_project_bn"], expected, atol=1e-3)


def test_head(state, activation):
    x = convolution(activation["block15_project_bn"], state["_conv_head.weight"])
    np.testing.assert_allclose(activation["head_relu"], relu6(batch_normalization(x, state, "_bn1")), atol=1e-3)


def test_a_photograph_is_recognized(state):
    """With the published classifier on top; whatever lies between stem and head is right, too."""
    photograph = keras.ops.image.resize(
        load_sample_image("flower.jpg")[None].astype(np.float32), (224, 224), antialias=True
    )
    features = efficientnet_lite0(224)(photograph, training=False).numpy().mean((1, 2))
    logits = features @ state["_fc.weight"].T + state["_fc.bias"]
    assert logits.argmax() == DAISY


def test_size(backbone):
    assert backbone.output_shape == (None, 1, 1, 1280)
    moving_statistics = 2 * sum(layer.gamma.shape[0] for layer in backbone.layers if hasattr(layer, "gamma"))
    assert backbone.count_params() == 3_413_024
    assert sum(np.prod(weight.shape) for weight in backbone.trainable_weights) == 3_413_024 - moving_statistics
