"""The model: a backbone's features, averaged over the image, and a linear head."""

import keras
import tensorflow as tf
from keras import layers

from components.train.efficientnet_lite0 import efficientnet_lite0
from components.train.parameters import TrainParameters


class Classifier:
    """A backbone and a head that are trained apart, then together.

    Attributes:
        features: Model from RGB uint8 [batch, size, size, 3] to features float32 [batch, n].
        head: Model from features float32 [batch, n] to logits float32 [batch, classes].
        model: `head` of `features`.
    """

    def __init__(self, parameters: TrainParameters, classes: int) -> None:
        size_px = parameters.image_size_px
        self._backbone = efficientnet_lite0(size_px)
        inputs = keras.Input((size_px, size_px, 3), dtype="uint8", name="image")
        pooled = layers.GlobalAveragePooling2D(name="average")(self._backbone(keras.ops.cast(inputs, "float32")))
        self.features = keras.Model(inputs, pooled, name="features")
        self.head = _head(pooled.shape[-1], classes, parameters)
        self.model = keras.Model(inputs, self.head(pooled), name="classifier")
        self.unfreeze(0)

    def unfreeze(self, last_layers: int) -> None:
        """Lets the backbone's last layers learn; its batch normalization keeps its statistics.

        Batch normalization is frozen layer by layer: in Keras 3 an outer `training=True` overrides a
        backbone called with `training=False`, and its moving averages would drift.

        Args:
            last_layers: How many layers, counted from the output; 0 freezes the backbone.
        """
        learning = set(self._backbone.layers[len(self._backbone.layers) - last_layers :]) if last_layers else set()
        for layer in self._backbone.layers:
            layer.trainable = layer in learning and not isinstance(layer, layers.BatchNormalization)


def _head(features: int, classes: int, parameters: TrainParameters) -> keras.Model:
    inputs = keras.Input((features,), name="features")
    x = layers.Dropout(parameters.dropout, seed=parameters.seed)(inputs)
    kernel = keras.initializers.GlorotUniform(seed=parameters.seed)
    return keras.Model(inputs, layers.Dense(classes, kernel_initializer=kernel, name="logits")(x), name="head")


def log_prior(counts: list[int], strength: float) -> tf.Tensor:
    """Returns what logit adjustment adds to the logits during training.

    Menon et al. 2021, arXiv 2007.07314, equation 10: the loss on logits + tau * log(prior) makes the plain
    logits minimize the balanced error.

    Args:
        counts: Training images per class, in label order; each at least 1.
        strength: tau in [0, 1].

    Returns:
        Float32 [classes].
    """
    shares = tf.constant(counts, tf.float32) / sum(counts)
    return strength * tf.math.log(shares)
