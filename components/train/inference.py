"""A model that learns no more, compiled for inference.

Its weights are constants, so that TensorFlow computes ahead what depends on nothing else; and batch normalization is
part of the convolution before it, as in section 3.2 of Jacob et al. 2018, arXiv 1712.05877. TensorFlow does that by
itself for ordinary convolutions, but not for depthwise ones.
"""

from collections.abc import Callable
from functools import cached_property, partial
from inspect import signature
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops

_MOST_CONSTANTS = 2**28


def compiled(model: keras.Model) -> Callable[[tf.Tensor], tf.Tensor]:
    """Returns what computes a functional model's output, with its weights and in its precision as they are now.

    As a graph has no room for 2 GB, a model of more than 268 million weights keeps its variables.
    """
    inputs = [tf.TensorSpec((None, *model.input_shape[1:]), model.inputs[0].dtype)]
    if model.count_params() > _MOST_CONSTANTS:
        return tf.function(lambda x: model(x, training=False), inputs, autograph=False).get_concrete_function()
    run = _Run(model)
    return tf.function(run.of, inputs, autograph=False).get_concrete_function()


class _Convolution:
    """A convolution that is yet to be computed: a batch normalization that follows can become part of it.

    Args:
        layer: What convolves.
        x: Its input.
        compute: Does it as it is.
    """

    def __init__(self, layer: layers.Layer, x: tf.Tensor, compute: Callable[[], tf.Tensor]) -> None:
        self.layer, self.x, self._compute = layer, x, compute

    @cached_property
    def result(self) -> tf.Tensor:
        """As it is without a batch normalization."""
        return self._compute()


class _Run:
    """A run through a functional model, and those in it, that folds each batch normalization that it can.

    What is folded is computed here and now, in NumPy, which leaves TensorFlow fewer constants to fold.

    Args:
        model: Whose weights, as they are now, it computes with.
    """

    def __init__(self, model: keras.Model) -> None:
        self._model, self._functional_call = model, type(model).call
        self._values = {id(variable): ops.convert_to_numpy(variable) for variable in model.variables}

    def of(self, x: tf.Tensor) -> tf.Tensor:
        """Returns the model's output."""
        return self._through(self._model, x)

    def _through(self, model: keras.Model, x: tf.Tensor) -> tf.Tensor:
        """Keras has no public name for a run that calls layers in another way."""
        outputs = model._run_through_graph([x], lambda layer: partial(self._called, layer))
        return keras.tree.map_structure(_result, outputs)

    def _called(self, layer: keras.Operation, *args: Any, **options: Any) -> Any:  # noqa: ANN401 - as the layer has it
        if _is_of_channels(layer) and isinstance(args[0], _Convolution):
            return self._convolved_and_normalized(args[0], layer)
        args, options = keras.tree.map_structure(_result, (args, options))
        if isinstance(layer, keras.Model) and type(layer).call is self._functional_call:
            return self._through(layer, *args)
        if isinstance(layer, keras.Layer) and "training" in signature(layer.call).parameters:
            options["training"] = False
        if _can_take_scale(layer):
            return _Convolution(layer, args[0], partial(self._computed, layer, args, options))
        return self._computed(layer, args, options)

    def _computed(self, layer: keras.Operation, args: Any, options: Any) -> Any:  # noqa: ANN401 - likewise
        weights = [(variable, self._values[id(variable)]) for variable in getattr(layer, "variables", ())]
        with keras.StatelessScope(weights):
            return layer(*args, **options)

    def _convolved_and_normalized(self, convolution: _Convolution, normalization: layers.Layer) -> tf.Tensor:
        """Returns (w x + b - mean) scale + beta as a convolution of x with w scale, plus (b - mean) scale + beta."""
        layer, of = convolution.layer, self._values
        scale = 1 / np.sqrt(of[id(normalization.moving_variance)] + np.float32(normalization.epsilon))
        scale = scale * of[id(normalization.gamma)] if normalization.scale else scale
        beta = of[id(normalization.beta)] if normalization.center else 0.0
        bias = of[id(layer.bias)] if layer.use_bias else 0.0
        offset = (bias - of[id(normalization.moving_mean)]) * scale + beta
        kernel = of[id(layer.kernel)]
        of_output = kernel.shape[2:] if isinstance(layer, layers.DepthwiseConv2D) else (-1,)
        weights = [(layer.kernel, kernel * scale.reshape(of_output))]
        if layer.use_bias:
            weights.append((layer.bias, offset))
        with keras.StatelessScope(weights):
            convolved = layer(convolution.x)
        return convolved if layer.use_bias else ops.add(convolved, ops.cast(offset, convolved.dtype))


def _result(x: Any) -> Any:  # noqa: ANN401 - whatever layers take
    return x.result if isinstance(x, _Convolution) else x


def _is_of_channels(layer: keras.Operation) -> bool:
    return type(layer) is layers.BatchNormalization and layer.axis in (-1, 3)


def _can_take_scale(layer: keras.Operation) -> bool:
    is_plain = type(layer) in (layers.Conv2D, layers.DepthwiseConv2D)
    return is_plain and layer.activation is keras.activations.linear and layer.data_format == "channels_last"
