"""Random changes to training images: the same seed gives the same change, on any number of workers."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import tensorflow as tf

from components._errors import InputError
from components.formats.tensors import resize, square, to_uint8
from components.train.augmentation_layers import Choose, layers_change
from components.train.augmentation_policy import LayerChange, Preset, read_policy
from components.train.mixing import blended

Draws = dict[str, tf.Tensor]
"""What is drawn for an image, by name."""


class Augment(Protocol):
    """How training images get to the model: changed as they are decoded, or where the model computes.

    What the input pipeline hands on is called x; it is a tensor of pixels, or holds one beside what else is needed.
    """

    def __call__(self, pixels: tf.Tensor, size_px: int, seed: tf.Tensor) -> Any:  # noqa: ANN401 - x
        """Returns the x of an image that is changed at random.

        An image comes as it is stored, so that a window of it is scaled once, and not enlarged after the whole was
        reduced.

        Args:
            pixels: Uint8 [height, width, 3].
            size_px: Side of the square that the model takes.
            seed: Int64 [2]; the change is a function of it.
        """

    def plain(self, pixels: tf.Tensor, size_px: int) -> Any:  # noqa: ANN401 - x
        """Returns the x of an image that is not changed, likewise."""

    def pair(self, x: Any, others: Any, draws: tf.Tensor) -> Any:  # noqa: ANN401 - x
        """Returns the x of a batch of mixed images; see `mixing.blended`."""

    def finished(self, x: Any) -> tf.Tensor:  # noqa: ANN401 - x
        """Returns pixels, uint8 [n, size, size, 3], of a batch; called where the model computes."""


@dataclass(frozen=True)
class Augmentation:
    """A random change in parts, which is made all at once as an image is decoded; an `Augment`.

    Attributes:
        draw: (seed int64 [2], size) -> draws; all that is random, unless layers draw for themselves.
        window: (pixels uint8 [height, width, 3], size, draws) -> [size, size, 3] in [0, 255], uint8 or not yet rounded.
        change: (what `window` returns, draws, how to choose between two ways) -> uint8 [size, size, 3].
    """

    draw: Callable[[tf.Tensor, int], Draws]
    window: Callable[[tf.Tensor, int, Draws], tf.Tensor]
    change: Callable[[tf.Tensor, Draws, Choose], tf.Tensor]

    def __call__(self, pixels: tf.Tensor, size_px: int, seed: tf.Tensor) -> tf.Tensor:
        """Returns the changed pixels, uint8 [size, size, 3]."""
        draws = self.draw(seed, size_px)
        return self.change(self.window(pixels, size_px, draws), draws, tf.cond)

    def plain(self, pixels: tf.Tensor, size_px: int) -> tf.Tensor:
        """Returns the pixels of the square."""
        return square(pixels, size_px)

    def pair(self, x: tf.Tensor, others: tf.Tensor, draws: tf.Tensor) -> tf.Tensor:
        """Returns mixed pixels."""
        return blended(x, others, draws)

    def finished(self, x: tf.Tensor) -> tf.Tensor:
        """Returns what comes: nothing is left to do."""
        return x


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


def augmenter(policy: str, magnitude: float = 1.0) -> Augmentation:
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
        return Augmentation(_seed_alone, _whole, _by_layers(layers_change(parsed, magnitude)))
    return _preset(parsed, magnitude)


def _preset(preset: Preset, magnitude: float) -> Augmentation:
    if preset == "none":
        return Augmentation(lambda _seed, _size: {}, _whole, lambda pixels, *_: pixels)
    if preset == "light" or not magnitude:
        return Augmentation(_drawn(0.0), _whole, _mirrored)
    if preset == "default":
        return Augmentation(_drawn(magnitude), _cropped, _varied)
    afterwards = _by_layers(layers_change(STRONG_LAYERS, magnitude))
    draw = _drawn(STRONG * magnitude)

    def draw_all(seed: tf.Tensor, size_px: int) -> Draws:
        return draw(seed, size_px) | _seed_alone(seed, size_px)

    def change(pixels: tf.Tensor, draws: Draws, choose: Choose) -> tf.Tensor:
        return afterwards(_varied(pixels, draws, choose), draws, choose)

    return Augmentation(draw_all, _cropped, change)


def _seed_alone(seed: tf.Tensor, _: int) -> Draws:
    return {"seed": seed}


def _drawn(magnitude: float) -> Callable[[tf.Tensor, int], Draws]:
    def draw(seed: tf.Tensor, size_px: int) -> Draws:
        of_mirror, of_box, of_light = tf.unstack(tf.random.split(seed, 3))
        draws = {"mirrored": tf.random.stateless_uniform([], of_mirror) < 0.5}
        if magnitude:
            draws |= {"box": draw_box(of_box, size_px, magnitude), "light": draw_light(of_light, magnitude)}
        return draws

    return draw


def _whole(pixels: tf.Tensor, size_px: int, _: Draws) -> tf.Tensor:
    return square(pixels, size_px)


def _cropped(pixels: tf.Tensor, size_px: int, draws: Draws) -> tf.Tensor:
    return crop(pixels, size_px, draws["box"])


def _mirrored(pixels: tf.Tensor, draws: Draws, choose: Choose) -> tf.Tensor:
    return choose(draws["mirrored"], lambda: tf.reverse(pixels, [1]), lambda: pixels)


def _varied(pixels: tf.Tensor, draws: Draws, choose: Choose) -> tf.Tensor:
    return _mirrored(to_uint8(vary_light(tf.cast(pixels, tf.float32), draws["light"])), draws, choose)


def _by_layers(
    change: Callable[[tf.Tensor, tf.Tensor, Choose], tf.Tensor],
) -> Callable[[tf.Tensor, Draws, Choose], tf.Tensor]:
    return lambda pixels, draws, choose: change(pixels, draws["seed"], choose)


def draw_box(seed: tf.Tensor, size_px: int, magnitude: float) -> tf.Tensor:
    """Draws a window.

    Args:
        seed: Int64 [2].
        size_px: Side of the square in which the window has the shape and the area that are drawn.
        magnitude: Above 0; how small it can be, and how far from a square.

    Returns:
        Float32 [4]: top, left, bottom and right, in [0, 1] of the image's sides.
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
    return tf.reshape(box, [4])


def crop(pixels: tf.Tensor, size_px: int, box: tf.Tensor) -> tf.Tensor:
    """Scales a window to a square.

    Args:
        pixels: Uint8 [height, width, 3].
        size_px: Side of the square.
        box: As `draw_box` returns it.

    Returns:
        Float32 [size_px, size_px, 3] in [0, 255].
    """
    corners = tf.reshape(box, [2, 2]) * tf.cast(tf.shape(pixels)[:2], tf.float32)
    (top, left), (bottom, right) = (tf.unstack(corner) for corner in tf.unstack(tf.cast(tf.round(corners), tf.int32)))
    return resize(pixels[top:bottom, left:right], size_px)


def draw_light(seed: tf.Tensor, magnitude: float) -> tf.Tensor:
    """Draws what `vary_light` takes, float32 [3], by a seed int64 [2]; the magnitude above 0 says from how far."""
    lower, upper = [-0.1 * magnitude, *[0.8**magnitude] * 2], [0.1 * magnitude, *[1.25**magnitude] * 2]
    return tf.random.stateless_uniform([3], seed, lower, upper)


def vary_light(pixels: tf.Tensor, light: tf.Tensor) -> tf.Tensor:
    """Varies brightness, then contrast about each channel's mean, then saturation about each pixel's grey.

    All three are linear in the colours, so that one product with a 3 x 3 matrix does for them. Saturation is mixing
    with grey, as Pillow's `ImageEnhance.Color` has it. What is done to each pixel's three numbers is done to a row's
    wherever it can be: short rows cost three times as long.

    Args:
        pixels: Float32 [size, size, 3] in [0, 255].
        light: Float32 [3]: what brightness adds, in the range's fraction; the factors of contrast and of saturation.

    Returns:
        Float32 of the same shape, out of [0, 255] where it is too bright or too dark.
    """
    size_px, (brightness, contrast, saturation) = pixels.shape[0], tf.unstack(light)
    mean = tf.reduce_mean(tf.reshape(tf.reduce_mean(tf.reshape(pixels, [size_px, -1]), 0), [size_px, 3]), 0)
    towards_grey = saturation * tf.eye(3) + (1 - saturation) * tf.constant(LUMA)[:, None]
    offset = tf.linalg.matvec(towards_grey, (1 - contrast) * mean + 255 * brightness, transpose_a=True)
    varied = tf.matmul(tf.reshape(pixels, [-1, 3]), contrast * towards_grey)
    varied = tf.nn.bias_add(tf.reshape(varied, [size_px, -1]), tf.tile(offset, [size_px]))
    return tf.reshape(varied, pixels.shape)
