"""A plain network of seven layers, five convolutional and two dense: what any other has to beat."""

import keras
from keras import layers

FILTERS = (32, 64, 128, 256, 256)
DENSE_UNITS = 256
DROPOUT = 0.25


def baseline_cnn(image_size_px: int) -> keras.Model:
    """Builds the first six layers; the seventh is the head's.

    Args:
        image_size_px: Side of the square input.

    Returns:
        A model from RGB in [0, 255], [batch, image_size_px, image_size_px, 3], to features, float32
        [batch, 1, 1, 256].
    """
    inputs = keras.Input((image_size_px, image_size_px, 3))
    x = layers.Rescaling(1 / 127.5, offset=-1.0, name="normalization")(inputs)
    for number, filters in enumerate(FILTERS, 1):
        x = layers.Conv2D(filters, 3, padding="same", use_bias=False, name=f"conv{number}")(x)
        x = layers.BatchNormalization(name=f"conv{number}_bn")(x)
        x = layers.ReLU(name=f"conv{number}_relu")(x)
        x = layers.MaxPooling2D(name=f"conv{number}_pool")(x)
    x = layers.GlobalAveragePooling2D(keepdims=True, name="average")(x)
    x = layers.Dropout(DROPOUT, name="dropout")(x)
    x = layers.Dense(DENSE_UNITS, activation="relu", name="dense")(x)
    return keras.Model(inputs, x, name="baseline_cnn")
