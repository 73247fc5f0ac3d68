"""Random changes to training images: the same seed gives the same change, on any number of workers."""

from collections.abc import Callable

import tensorflow as tf

from components._errors import InputError
from components.train.augmentation_layers import layers_change
from components.train.augmentation_policy import LayerChange, Preset, read_policy

Augment = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
"""(pixels uint8 [size, size, 3], seed int64 [2]) -> pixels changed by a function of the seed, same type and shape."""

# What `strong` does after `default`'s changes at STRONG times their magnitude.
STRONG = 1.5
STRONG_LAYERS = [
    LayerChange.model_validate(layer)
    for layer in (
        {"layer": "RandomRotation", "probability": 0.5, "factor": 0.03, "fill_mode": "reflect"},
        {"layer": "RandomGrayscale", "probability": 0.2},  # of these, Keras takes the colours of a half
        {"layer": "RandomErasing", "probability": 0.5, "scale": [0.02, 0.15]},  # likewise
    )
]


def augmenter(policy: str, magnitude: float = 1.0) -> Augment:
    """Returns the random change that a policy names.

    `light` mirrors an image left to right with probability 1/2. `default` also crops a random window of 65 to
    100 % of the area with an aspect ratio in [3/4, 4/3] (after Szegedy et al. 2015, arXiv 1409.4842,
    section 6, whose windows go down to 8 %: too little is left of a room to tell which it is), and varies
    brightness by up to 10 %, contrast and saturation by up to a quarter. `strong` goes half as far again, turns half
    of the images by up to 11 degrees, takes the colours of a tenth, and erases a part of a quarter of them. A list
    applies its layers one after the other.

    Args:
        policy: A preset's name, or a JSON list of layers; see `read_policy`.
        magnitude: How far changes go: 1 as given above or in the list, 0 not at all (mirroring has no magnitude).

    Raises:
        InputError: If there is no such layer, or it doesn't take these arguments.
    """
    try:
        parsed = read_policy(policy)
    except ValueError as error:
        raise InputError(f"augmentation: {error}") from error
    if isinstance(parsed, list):
        return layers_change(parsed, magnitude)
    return _preset(parsed, magnitude)


def _preset(preset: Preset, magnitude: float) -> Augment:
    if preset == "none":
        return lambda pixels, _: pixels
    if preset == "light":
        return lambda pixels, seed: _change(pixels, seed, 0.0)
    if preset == "default" or not magnitude:
        return lambda pixels, seed: _change(pixels, seed, magnitude)
    afterwards = layers_change(STRONG_LAYERS, magnitude)
    return lambda pixels, seed: afterwards(_change(pixels, seed, STRONG * magnitude), seed)


def _change(pixels: tf.Tensor, seed: tf.Tensor, magnitude: float) -> tf.Tensor:
    seeds = tf.unstack(tf.random.split(seed, 5))
    changed = tf.image.stateless_random_flip_left_right(pixels, seeds[0])
    if magnitude:
        changed = _vary_light(_random_crop(changed, seeds[1], magnitude), seeds[2:], magnitude)
    return tf.ensure_shape(changed, pixels.shape)


def _random_crop(pixels: tf.Tensor, seed: tf.Tensor, magnitude: float) -> tf.Tensor:
    size = tf.shape(pixels)
    begin, extent, _ = tf.image.stateless_sample_distorted_bounding_box(
        size,
        tf.zeros([1, 0, 4]),
        seed,
        min_object_covered=0.0,
        aspect_ratio_range=((3 / 4) ** magnitude, (4 / 3) ** magnitude),
        area_range=(max(0.08, 1 - 0.35 * magnitude), 1.0),
        use_image_if_no_bounding_boxes=True,
    )
    resized = tf.image.resize(tf.slice(pixels, begin, extent), size[:2], antialias=True)
    return tf.cast(tf.round(tf.clip_by_value(resized, 0.0, 255.0)), tf.uint8)


def _vary_light(pixels: tf.Tensor, seeds: list[tf.Tensor], magnitude: float) -> tf.Tensor:
    lower, upper = 0.8**magnitude, 1.25**magnitude
    varied = tf.image.stateless_random_brightness(pixels, 0.1 * magnitude, seeds[0])
    varied = tf.image.stateless_random_contrast(varied, lower, upper, seeds[1])
    return tf.image.stateless_random_saturation(varied, lower, upper, seeds[2])
