"""Keras' preprocessing layers as random changes that are functions of a seed."""

import inspect
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

import keras
import tensorflow as tf

from components._errors import InputError
from components.train.augmentation_policy import LayerChange

OF_KERAS = "keras.src.layers.preprocessing.image_preprocessing."
OF_KERAS_CV = "keras_cv.src.layers.preprocessing."
# What is not for one image by itself: mixtures change labels too, others hold boxes or further layers.
MIXTURES = {"MixUp": "mixup_alpha", "CutMix": "cutmix_alpha", "FourierMix": "mixup_alpha", "Mosaic": "cutmix_alpha"}
UNFIT = {"MaxNumBoundingBoxes", "RandomApply", "RandomChoice", "RandomAugmentationPipeline", "RepeatedAugmentation"} | {
    "BaseImageAugmentationLayer", "VectorizedBaseImageAugmentationLayer"
}  # fmt: skip
OURS = {"self", "args", "kwargs", "seed", "name", "data_format", "bounding_box_format", "segmentation_classes"}
FLIPS = ("horizontal", "vertical", "horizontal_and_vertical")
PROBE_PX = 96

Change = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


def layers_change(layers: Sequence[LayerChange], magnitude: float) -> Change:
    """Returns the change that layers make one after the other, each with its probability for each image.

    Args:
        layers: Which, with their arguments.
        magnitude: What every argument named `factor` or `..._factor` is multiplied by.

    Returns:
        (pixels uint8 [size, size, 3], seed int64 [2]) -> pixels of the same type and shape. A function of the seed,
        but for layers of KerasCV, which can't be given one.

    Raises:
        InputError: If there is no such layer, it refuses its arguments, or it fails on an image.
    """
    steps = [(of_layer.probability, _prepared(of_layer, magnitude)) for of_layer in layers]

    def change(pixels: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        changed = tf.cast(pixels, tf.float32)
        for number, (probability, layer) in enumerate(steps):
            coin_seed, layer_seed = tf.unstack(tf.random.split(tf.random.fold_in(seed, number), 2))
            if probability == 1:
                changed = layer(changed, layer_seed)
                continue
            applies = tf.random.stateless_uniform([], coin_seed) < probability
            changed = tf.cond(
                applies,
                lambda layer=layer, image=changed, seed=layer_seed: layer(image, seed),
                lambda image=changed: image,
            )
        return tf.ensure_shape(tf.cast(tf.round(changed), tf.uint8), pixels.shape)

    return change


def _prepared(of_layer: LayerChange, magnitude: float) -> Change:
    """Makes a layer and tries it on a grey image, so that what it refuses is known before training."""
    construct = _layer_class(of_layer.layer)
    accepted = _accepted(construct)
    if unknown := [name for name in of_layer.arguments if name not in accepted]:
        raise _refused(of_layer, accepted, f"Received: {', '.join(unknown)}.")
    if of_layer.layer == "RandomFlip" and of_layer.arguments.get("mode", FLIPS[0]) not in FLIPS:
        # Keras would take any mode, and do nothing.
        raise _refused(of_layer, accepted, f"Its mode is one of {', '.join(FLIPS)}.")
    try:
        layer = _Seeded(construct(**_arguments(of_layer, accepted, magnitude)))
        layer(tf.fill([PROBE_PX, PROBE_PX, 3], 128.0), tf.constant([0, 0], tf.int64))
    except Exception as error:  # layers refuse with whatever fails first inside them
        raise _refused(of_layer, accepted, f"At magnitude {magnitude:g} it fails: {error}") from error
    return layer


def _layer_class(name: str) -> type[keras.Layer]:
    if name in MIXTURES:
        raise InputError(f"augmentation: {name} changes labels too. Set {MIXTURES[name]} instead.")
    of_keras = _fitting(keras.layers, OF_KERAS)
    if name in of_keras:
        return of_keras[name]
    from keras_cv import layers as keras_cv_layers  # noqa: PLC0415 - half a second

    of_keras_cv = _fitting(keras_cv_layers, OF_KERAS_CV)
    if name in of_keras_cv:
        return of_keras_cv[name]
    raise InputError(
        f"augmentation: expected one of keras.layers: {', '.join(of_keras)}; "
        f"or of keras_cv.layers: {', '.join(of_keras_cv)}. Received: {name!r}."
    )


def _fitting(library: ModuleType, package: str) -> dict[str, type[keras.Layer]]:
    """Returns a library's preprocessing layers for one image by itself."""
    return {
        name: layer
        for name, layer in inspect.getmembers(library, inspect.isclass)
        if layer.__module__.startswith(package) and name not in UNFIT | set(MIXTURES)
    }


def _accepted(construct: type[keras.Layer]) -> list[str]:
    return [name for name in inspect.signature(construct.__init__).parameters if name not in OURS]


def _arguments(of_layer: LayerChange, accepted: Sequence[str], magnitude: float) -> dict[str, Any]:
    scaled = {
        name: _scaled(value, magnitude) if name.split("_")[-1] == "factor" and magnitude != 1 else value
        for name, value in of_layer.arguments.items()
    }
    return ({"value_range": (0, 255)} if "value_range" in accepted else {}) | scaled


def _scaled(value: Any, magnitude: float) -> Any:  # noqa: ANN401 - a number, or two
    return [item * magnitude for item in value] if isinstance(value, list) else value * magnitude


def _refused(of_layer: LayerChange, accepted: Sequence[str], why: str) -> InputError:
    takes = ", ".join(["probability", *accepted])
    return InputError(f"augmentation: {of_layer.layer} takes {takes}. {why}")


class _Seeded:
    """A layer whose random draws are functions of a seed given with each image.

    Keras' layers draw from generators that count calls: which image gets which draw would depend on the order in
    which threads come. Here a generator's next draw comes from the image's seed.

    Args:
        layer: From images float32 [1, size, size, 3] in [0, 255] to images.
    """

    def __init__(self, layer: keras.Layer) -> None:
        self._layer = layer
        self._seed, self._draws = tf.zeros([2], tf.int64), 0
        for part in layer._flatten_layers():  # Keras has no public name for either of these
            for generator in part._seed_generators:
                generator.next = self._next

    def __call__(self, pixels: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """Changes one image, float32 [size, size, 3] in [0, 255]; what a layer has cut off is scaled up again."""
        self._seed, self._draws = seed, 0
        changed = tf.cast(self._layer(pixels[None], training=True)[0], tf.float32)
        if changed.shape != pixels.shape:
            changed = tf.image.resize(changed, tf.shape(pixels)[:2], antialias=True)
            changed = tf.broadcast_to(changed, tf.shape(pixels))  # KerasCV's Grayscale has one channel
        return tf.ensure_shape(tf.clip_by_value(changed, 0.0, 255.0), pixels.shape)

    def _next(self, *, ordered: bool = True) -> tf.Tensor:  # noqa: ARG002 - Keras' signature
        self._draws += 1
        return tf.random.fold_in(self._seed, self._draws)
