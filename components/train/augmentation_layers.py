"""Keras' preprocessing layers as random changes that are functions of a seed."""

import inspect
from collections.abc import Callable, Sequence
from functools import partial
from types import ModuleType
from typing import Any

import keras
import tensorflow as tf

from components._errors import InputError
from components._progress import say
from components.train.augmentation_magnitude import reach, scaled_arguments, scaled_probability
from components.train.augmentation_policy import LayerChange
from components.train.augmentation_seeds import OF_KERAS_CV, Seeded

OF_KERAS = "keras.src.layers.preprocessing.image_preprocessing."
# What is not for one image by itself: mixtures change labels too, others hold boxes or further layers.
MIXTURES = {"MixUp": "mixup_alpha", "CutMix": "cutmix_alpha", "FourierMix": "mixup_alpha", "Mosaic": "cutmix_alpha"}
UNFIT = {"MaxNumBoundingBoxes", "RandomApply", "RandomChoice", "RandomAugmentationPipeline", "RepeatedAugmentation"} | {
    "BaseImageAugmentationLayer", "VectorizedBaseImageAugmentationLayer",
    "RandomJpegQuality",  # of images in [0, 1]: any other becomes black
}  # fmt: skip
OURS = {"self", "args", "kwargs", "seed", "name", "data_format", "bounding_box_format", "segmentation_classes"}
FLIPS = ("horizontal", "vertical", "horizontal_and_vertical")
PROBE_PX = 96

Change = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
Choose = Callable[[tf.Tensor, Callable[[], tf.Tensor], Callable[[], tf.Tensor]], tf.Tensor]
"""(whether, what makes a tensor if so, what makes one if not) -> that tensor: `tf.cond`, or what does both."""


def layers_change(
    layers: Sequence[LayerChange], magnitude: float
) -> Callable[[tf.Tensor, tf.Tensor, Choose], tf.Tensor]:
    """Returns the change that layers make one after the other, each with its probability for each image.

    Args:
        layers: Which, with their arguments.
        magnitude: How far every argument named `factor` or `..._factor` goes from what leaves an image as it is, but
            not beyond what the layer takes; a layer that has none is as much more or less likely. At 0 no layer does
            anything.

    Returns:
        (pixels uint8 [size, size, 3], seed int64 [2], choose) -> pixels of the same type and shape. A function of the
        seed; that it is not, of a layer that draws in a way of its own, is said.

    Raises:
        InputError: If there is no such layer, it refuses its arguments, or it fails on an image.
    """
    steps = [_prepared(of_layer, magnitude) for of_layer in layers]

    def change(pixels: tf.Tensor, seed: tf.Tensor, choose: Choose) -> tf.Tensor:
        changed = tf.cast(pixels, tf.float32)
        for number, (probability, layer) in enumerate(steps):
            coin_seed, layer_seed = tf.unstack(tf.random.split(tf.random.fold_in(seed, number), 2))
            if probability == 0:
                continue
            if probability == 1:
                changed = layer(changed, layer_seed)
                continue
            applies = tf.random.stateless_uniform([], coin_seed) < probability
            changed = choose(
                applies,
                partial(layer, changed, layer_seed),
                partial(tf.identity, changed),
            )
        return tf.ensure_shape(tf.cast(tf.round(changed), tf.uint8), pixels.shape)

    return change


def _prepared(of_layer: LayerChange, magnitude: float) -> tuple[float, Change]:
    """Makes a layer and tries it on noise, so that what it refuses is known before training.

    Returns:
        The probability that it changes an image, and the change.
    """
    construct = _layer_class(of_layer.layer)
    accepted = _accepted(construct)
    _check_names(of_layer, accepted)
    arguments = _factors(construct, of_layer.layer) | of_layer.arguments
    probability = scaled_probability(of_layer.layer, of_layer.probability, arguments, magnitude)
    try:
        # At magnitude 0 the layer does nothing, but what it refuses at any other is refused all the same.
        scaled = scaled_arguments(of_layer.layer, arguments, magnitude or 1)
        layer = Seeded(construct(**({"value_range": (0, 255)} if "value_range" in accepted else {}) | scaled))
        repeatable = layer.is_repeatable(_noise(), tf.constant([0, 0], tf.int64))
    except Exception as error:  # layers refuse with whatever fails first inside them
        raise _refused(of_layer, accepted, f"At magnitude {magnitude:g} it fails: {error}") from error
    if not repeatable and probability:
        _say_unrepeatable(of_layer.layer)
    return probability, layer


def _check_names(of_layer: LayerChange, accepted: Sequence[str]) -> None:
    if unknown := [name for name in of_layer.arguments if name not in accepted]:
        raise _refused(of_layer, accepted, f"Received: {', '.join(unknown)}.")
    if of_layer.layer == "RandomFlip" and of_layer.arguments.get("mode", FLIPS[0]) not in FLIPS:
        # Keras would take any mode, and do nothing.
        raise _refused(of_layer, accepted, f"Its mode is one of {', '.join(FLIPS)}.")


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


def _factors(construct: type[keras.Layer], name: str) -> dict[str, Any]:
    """Returns the values that arguments with a magnitude have when none is given."""
    parameters = inspect.signature(construct.__init__).parameters
    defaults = {argument: parameter.default for argument, parameter in parameters.items() if reach(name, argument)}
    return {argument: value for argument, value in defaults.items() if value not in (None, inspect.Parameter.empty)}


def _noise() -> tf.Tensor:
    return tf.random.stateless_uniform([PROBE_PX, PROBE_PX, 3], [0, 0], 0.0, 255.0)


def _say_unrepeatable(layer: str) -> None:
    say(
        "train",
        f"augmentation: {layer} draws without a seed: the same training gives other weights each time, also when it "
        "goes on from a checkpoint",
    )


def _refused(of_layer: LayerChange, accepted: Sequence[str], why: str) -> InputError:
    takes = ", ".join(["probability", *accepted])
    return InputError(f"augmentation: {of_layer.layer} takes {takes}. {why}")
