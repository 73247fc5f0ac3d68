"""Random changes to training images: the same seed gives the same change, on any number of workers."""

from typing import Literal

import tensorflow as tf

Augmentation = Literal["none", "light", "default"]


def augment(pixels: tf.Tensor, seed: tf.Tensor, policy: Augmentation) -> tf.Tensor:
    """Changes one image at random.

    `light` mirrors it left to right with probability 1/2. `default` also crops a random window of 65 to
    100 % of the area with an aspect ratio in [3/4, 4/3] (after Szegedy et al. 2015, arXiv 1409.4842,
    section 6, whose windows go down to 8 %: too little is left of a room to tell which it is), and varies
    brightness by up to 10 %, contrast and saturation by up to a quarter.

    Args:
        pixels: RGB in [0, 255], uint8, shape [size, size, 3].
        seed: Int64 [2]; the change is a function of it.
        policy: What to do.

    Returns:
        Uint8, same shape.
    """
    if policy == "none":
        return pixels
    seeds = tf.unstack(tf.random.split(seed, 5))
    changed = tf.image.stateless_random_flip_left_right(pixels, seeds[0])
    if policy == "default":
        changed = _vary_light(_random_crop(changed, seeds[1]), seeds[2:])
    return tf.ensure_shape(changed, pixels.shape)


def _random_crop(pixels: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    size = tf.shape(pixels)
    begin, extent, _ = tf.image.stateless_sample_distorted_bounding_box(
        size,
        tf.zeros([1, 0, 4]),
        seed,
        min_object_covered=0.0,
        aspect_ratio_range=(3 / 4, 4 / 3),
        area_range=(0.65, 1.0),
        use_image_if_no_bounding_boxes=True,
    )
    resized = tf.image.resize(tf.slice(pixels, begin, extent), size[:2], antialias=True)
    return tf.cast(tf.round(tf.clip_by_value(resized, 0.0, 255.0)), tf.uint8)


def _vary_light(pixels: tf.Tensor, seeds: list[tf.Tensor]) -> tf.Tensor:
    varied = tf.image.stateless_random_brightness(pixels, 0.1, seeds[0])
    varied = tf.image.stateless_random_contrast(varied, 0.8, 1.25, seeds[1])
    return tf.image.stateless_random_saturation(varied, 0.8, 1.25, seeds[2])
