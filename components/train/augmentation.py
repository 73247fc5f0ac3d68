"""Random changes to training images: the same seed gives the same change, on any number of workers."""

from collections.abc import Callable

import tensorflow as tf

from components._errors import InputError
from components.formats.tensors import resize, square, to_uint8
from components.train.augmentation_layers import layers_change
from components.train.augmentation_policy import LayerChange, Preset, read_policy

Augment = Callable[[tf.Tensor, int, tf.Tensor], tf.Tensor]
"""(pixels uint8 [height, width, 3], size, seed int64 [2]) -> uint8 [size, size, 3], changed by a function of the seed.

An image comes as it is stored, so that a window of it is scaled once, and not enlarged after the whole was reduced.
"""

LUMA = (0.299, 0.587, 0.114)  # of red, green and blue in grey (ITU-R BT.601, as JPEG has it)

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
        magnitude: How far changes go: 1 as given above or in the list, 0 not at all (but for the presets' mirroring,
            which has no magnitude).

    Raises:
        InputError: If there is no such layer, or it doesn't take these arguments.
    """
    try:
        parsed = read_policy(policy)
    except ValueError as error:
        raise InputError(f"augmentation: {error}") from error
    if isinstance(parsed, list):
        change = layers_change(parsed, magnitude)
        return lambda pixels, size_px, seed: change(square(pixels, size_px), seed)
    return _preset(parsed, magnitude)


def _preset(preset: Preset, magnitude: float) -> Augment:
    if preset == "none":
        return lambda pixels, size_px, _: square(pixels, size_px)
    if preset == "light":
        return lambda pixels, size_px, seed: _change(pixels, size_px, seed, 0.0)
    if preset == "default" or not magnitude:
        return lambda pixels, size_px, seed: _change(pixels, size_px, seed, magnitude)
    afterwards = layers_change(STRONG_LAYERS, magnitude)
    return lambda pixels, size_px, seed: afterwards(_change(pixels, size_px, seed, STRONG * magnitude), seed)


def _change(pixels: tf.Tensor, size_px: int, seed: tf.Tensor, magnitude: float) -> tf.Tensor:
    seeds = tf.unstack(tf.random.split(seed, 3))
    if not magnitude:
        return mirror(square(pixels, size_px), seeds[0])
    varied = vary_light(random_crop(pixels, size_px, seeds[1], magnitude), seeds[2], magnitude)
    return mirror(to_uint8(varied), seeds[0])


def mirror(pixels: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Mirrors left to right with probability 1/2, as `tf.image.stateless_random_flip_left_right` does.

    Its `tf.reverse` takes half as long as decoding and resizing a photograph does; a gather, a tenth of that.

    Args:
        pixels: [height, width, channels].
        seed: Int64 [2].

    Returns:
        The same shape and type.
    """
    columns = tf.range(tf.shape(pixels)[1])
    mirrored = tf.random.stateless_uniform([], seed) < 0.5
    return tf.gather(pixels, tf.where(mirrored, columns[::-1], columns), axis=1)


def random_crop(pixels: tf.Tensor, size_px: int, seed: tf.Tensor, magnitude: float) -> tf.Tensor:
    """Scales a random window to a square.

    Args:
        pixels: Uint8 [height, width, 3].
        size_px: Side of the square. The window's shape and area are those that it has in the whole image's square.
        seed: Int64 [2].
        magnitude: Above 0; how small a window can be, and how far from a square.

    Returns:
        Float32 [size_px, size_px, 3] in [0, 255].
    """
    _, _, box = tf.image.stateless_sample_distorted_bounding_box(
        [size_px, size_px, 3],
        tf.zeros([1, 0, 4]),
        seed,
        min_object_covered=0.0,
        aspect_ratio_range=((3 / 4) ** magnitude, (4 / 3) ** magnitude),
        area_range=(max(0.08, 1 - 0.35 * magnitude), 1.0),
        use_image_if_no_bounding_boxes=True,
    )
    corners = tf.reshape(box, [2, 2]) * tf.cast(tf.shape(pixels)[:2], tf.float32)
    (top, left), (bottom, right) = (tf.unstack(corner) for corner in tf.unstack(tf.cast(tf.round(corners), tf.int32)))
    return resize(pixels[top:bottom, left:right], size_px)


def vary_light(pixels: tf.Tensor, seed: tf.Tensor, magnitude: float) -> tf.Tensor:
    """Varies brightness, then contrast about each channel's mean, then saturation about each pixel's grey.

    All three are linear in the colours, so that one product with a 3 x 3 matrix does for them. Saturation is mixing
    with grey, as Pillow's `ImageEnhance.Color` has it.

    Args:
        pixels: Float32 [size, size, 3] in [0, 255].
        seed: Int64 [2].
        magnitude: Above 0.

    Returns:
        Float32 of the same shape, out of [0, 255] where it is too bright or too dark.
    """
    lower, upper = [-0.1 * magnitude, *[0.8**magnitude] * 2], [0.1 * magnitude, *[1.25**magnitude] * 2]
    brightness, contrast, saturation = tf.unstack(tf.random.stateless_uniform([3], seed, lower, upper))
    towards_grey = saturation * tf.eye(3) + (1 - saturation) * tf.constant(LUMA)[:, None]
    offset = (1 - contrast) * tf.reduce_mean(pixels, [0, 1]) + 255 * brightness
    varied = tf.matmul(tf.reshape(pixels, [-1, 3]), contrast * towards_grey)
    varied = tf.nn.bias_add(varied, tf.linalg.matvec(towards_grey, offset, transpose_a=True))
    return tf.reshape(varied, tf.shape(pixels))
