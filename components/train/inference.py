"""A model that learns no more, compiled for inference.

Its weights are constants, so that TensorFlow computes ahead what depends on nothing else; and batch normalization is
part of the convolution before it, as in section 3.2 of Jacob et al. 2018, arXiv 1712.05877. TensorFlow does that by
itself for ordinary convolutions, but not for depthwise ones.
"""

from collections.abc import Callable
from functools import partial
from inspect import signature
from typing import Any

import keras
import tensorflow as tf
from keras import layers, ops

_MOST_CONSTANTS = 2**28


def compiled(model: keras.Model) -> Callable[[tf.Tensor], tf.Tensor]:
    """Returns what computes a functional model's output, with its weights and in its precision as they are now.

    As a graph has no room for 2 GB, a model of more than 268 million weights keeps its variables.
    """
    inputs = [tf.TensorSpec((None, *model.input_shape[1:]), model.inputs[0].dtype)]
    if model.count_params() > _MOST_CONSTANTS:
        return tf.function(lambda x: model(x, training=False), inputs).get_concrete_function()
    weights = [(variable, ops.convert_to_numpy(variable)) for variable in model.variables]

    def infer(x: tf.Tensor) -> tf.Tensor:
        with keras.StatelessScope([(variable, tf.constant(value)) for variable, value in weights]):
            return _Run(type(model).call).of(model, x)

    return tf.function(infer, inputs).get_concrete_function()


class _Run:
    """A run through a functional model, and those in it, that folds each batch normalization that it can."""

    def __init__(self, functional_call: Callable[..., Any]) -> None:
        self._functional_call = functional_call
        # By the id of what a convolution returned: the convolution, what it took, and what it returned, which must stay
        # for its id to be no other's.
        self._convolved: dict[int, tuple[layers.Layer, tf.Tensor, tf.Tensor]] = {}

    def of(self, model: keras.Model, x: tf.Tensor) -> tf.Tensor:
        """Returns the model's output; Keras has no public name for a run that calls layers in another way."""
        return model._run_through_graph([x], lambda layer: partial(self._called, layer))

    def _called(self, layer: keras.Operation, *args: Any, **options: Any) -> Any:  # noqa: ANN401 - as the layer has it
        if isinstance(layer, keras.Model) and type(layer).call is self._functional_call:
            return self.of(layer, *args)
        if _is_of_channels(layer) and id(args[0]) in self._convolved:
            convolution, x, _ = self._convolved[id(args[0])]
            return _convolved_and_normalized(convolution, layer, x)
        if isinstance(layer, keras.Layer) and "training" in signature(layer.call).parameters:
            options["training"] = False
        result = layer(*args, **options)
        if _can_take_scale(layer):
            self._convolved[id(result)] = layer, args[0], result
        return result


def _is_of_channels(layer: keras.Operation) -> bool:
    return type(layer) is layers.BatchNormalization and layer.axis in (-1, 3)


def _can_take_scale(layer: keras.Operation) -> bool:
    is_plain = type(layer) in (layers.Conv2D, layers.DepthwiseConv2D)
    return is_plain and layer.activation is keras.activations.linear and layer.data_format == "channels_last"


def _convolved_and_normalized(
    convolution: layers.Layer, normalization: layers.BatchNormalization, x: tf.Tensor
) -> tf.Tensor:
    """Returns (w x + b - mean) scale + beta as a convolution of x with w scale, plus (b - mean) scale + beta."""
    scale = ops.rsqrt(normalization.moving_variance + normalization.epsilon)
    scale = scale * normalization.gamma if normalization.scale else scale
    beta = normalization.beta if normalization.center else 0.0
    bias = convolution.bias if convolution.use_bias else 0.0
    offset = (bias - normalization.moving_mean) * scale + beta
    of_output = ops.shape(convolution.kernel)[2:] if isinstance(convolution, layers.DepthwiseConv2D) else (-1,)
    weights = [(convolution.kernel, convolution.kernel * ops.reshape(scale, of_output))]
    if convolution.use_bias:
        weights.append((convolution.bias, offset))
    with keras.StatelessScope(weights):
        convolved = convolution(x)
    return convolved if convolution.use_bias else ops.add(convolved, ops.cast(offset, convolved.dtype))
