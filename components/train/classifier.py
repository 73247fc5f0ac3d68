"""The model: a backbone's features, pooled over the image, and a head."""

from collections.abc import Iterator
from math import prod

import keras
import tensorflow as tf
from keras import layers

from components.train.backbones.build import build_backbone
from components.train.backbones.table import NONE, resolved_weights
from components.train.parameters import TrainParameters

_VIEWS = {"Const", "ExpandDims", "Identity", "Placeholder", "ReadVariableOp", "Reshape", "Squeeze"}


class Classifier:
    """A backbone and a head; on a pretrained backbone the head can be trained alone.

    Attributes:
        features: Model from RGB uint8 [batch, size, size, 3] to features float32 [batch, n].
        head: Model from features float32 [batch, n] to logits float32 [batch, classes].
        model: `head` of `features`.
        pretrained: Whether the backbone's weights have been learned before.
    """

    def __init__(self, parameters: TrainParameters, classes: int) -> None:
        size_px = parameters.image_size_px
        weights = resolved_weights(parameters.backbone, parameters.weights)
        self._backbone = build_backbone(parameters.backbone, weights, size_px)
        inputs = keras.Input((size_px, size_px, 3), dtype="uint8", name="image")
        pooled = _pooling(parameters.pooling)(self._backbone(keras.ops.cast(inputs, "float32")))
        self.features = keras.Model(inputs, pooled, name="features")
        self.head = _head(pooled.shape[-1], classes, parameters)
        self.model = keras.Model(inputs, self.head(pooled), name="classifier")
        self.pretrained = weights != NONE
        self.unfreeze(0)

    def unfreeze(self, last_layers: int) -> None:
        """Lets the last layers of a pretrained backbone learn; its batch normalization keeps its statistics.

        A backbone of random weights always learns as a whole, its batch normalization included.

        Batch normalization is frozen layer by layer: in Keras 3 an outer `training=True` overrides a
        backbone called with `training=False`, and its moving averages would drift.

        Args:
            last_layers: How many layers, counted from the output; 0 freezes the backbone, -1 unfreezes all.
        """
        if not self.pretrained:
            return
        backbone = list(_layers(self._backbone))
        learning = len(backbone) if last_layers < 0 else last_layers
        for distance, layer in enumerate(reversed(backbone)):
            layer.trainable = distance < learning
            for part in _parts(layer):
                if isinstance(part, layers.BatchNormalization):
                    part.trainable = False

    def compute_in(self, precision: str) -> None:
        """Sets what the backbone computes in from the next tracing of a function on.

        Only the layers' computation changes: variables stay float32, and so do the statistics of batch normalization,
        which Keras computes in float32 in any case. Also float32 are the normalization of pixels, which costs little
        and would round them, pooling and head. So the model is the same before and after, wherever it is saved.

        Args:
            precision: Name of one of Keras' dtype policies with float32 variables: "float32", "mixed_bfloat16" or
                "mixed_float16".
        """
        for layer in _layers(self._backbone):
            if not isinstance(layer, (layers.InputLayer, layers.Rescaling, layers.Normalization)):
                for part in _parts(layer):
                    part.dtype_policy = precision

    def activation_bytes(self) -> int:
        """Returns about how much of one image a training step holds, in float32.

        That is what the layers return from the first that learns on, and twice the largest that any returns. Where
        layers are composed of others or take images of any size, they don't tell; then it is what all operations
        return, which takes a second to trace.
        """
        backbone = list(_layers(self._backbone))
        outputs = [keras.tree.flatten(layer.output) for layer in backbone]
        if any(None in output.shape[1:] for of_layer in outputs for output in of_layer) or any(
            len(_parts(layer)) > 1 for layer in backbone
        ):
            return _traced_bytes(self.features)
        sizes = [sum(4 * prod(output.shape[1:]) for output in of_layer) for of_layer in outputs]
        first = next((index for index, layer in enumerate(backbone) if layer.trainable_variables), len(backbone))
        return sum(sizes[first:]) + 2 * max(sizes)

    def reset_head(self) -> None:
        """Gives the head the weights that it began with."""
        for layer in self.head.layers:
            if isinstance(layer, layers.Dense):
                layer.kernel.assign(layer.kernel_initializer(layer.kernel.shape))
                layer.bias.assign(layer.bias_initializer(layer.bias.shape))


def _layers(model: keras.Model) -> Iterator[keras.Layer]:
    """Yields a model's layers; those of models inside it in their place."""
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from _layers(layer)
        else:
            yield layer


def _parts(layer: keras.Layer) -> list[keras.Layer]:
    """Returns a layer and all that it is composed of, as KerasHub's are; Keras has no public name for this."""
    return layer._flatten_layers()


def _traced_bytes(model: keras.Model) -> int:
    """Returns the size of what operations return for one image, views of the same memory left out."""
    spec = tf.TensorSpec([1, *model.input.shape[1:]], model.input.dtype)
    graph = tf.function(model, autograph=False).get_concrete_function(spec).graph
    returned = (output for op in graph.get_operations() if op.type not in _VIEWS for output in op.outputs)
    return sum(of.shape.num_elements() * of.dtype.size for of in returned if of.shape.is_fully_defined())


def _pooling(pooling: str) -> keras.Layer:
    if pooling == "max":
        return layers.GlobalMaxPooling2D(name="maximum")
    return layers.GlobalAveragePooling2D(name="average")


def _head(features: int, classes: int, parameters: TrainParameters) -> keras.Model:
    inputs = keras.Input((features,), name="features")
    x = layers.Dropout(parameters.dropout, seed=parameters.seed)(inputs)
    if parameters.head_dense_units:
        kernel = keras.initializers.GlorotUniform(seed=parameters.seed + 1)
        x = layers.Dense(parameters.head_dense_units, "relu", kernel_initializer=kernel, name="head_dense")(x)
        x = layers.Dropout(parameters.dropout, seed=parameters.seed + 1)(x)
    kernel = keras.initializers.GlorotUniform(seed=parameters.seed)
    return keras.Model(inputs, layers.Dense(classes, kernel_initializer=kernel, name="logits")(x), name="head")
