"""Layers of Keras and KerasCV whose random draws are functions of a seed that is given with each image."""

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import keras
import tensorflow as tf

_TRIES = 6
OF_KERAS_CV = "keras_cv.src.layers.preprocessing."


class Seeded:
    """A layer whose random draws are functions of a seed given with each image.

    Keras' layers draw from generators that count calls: which image gets which draw would depend on the order in
    which threads come. Here a generator's next draw comes from the image's seed. KerasCV's layers draw from
    TensorFlow's generator of all, in whose place another is put.

    Args:
        layer: From images float32 [1, size, size, 3] in [0, 255] to images.
    """

    def __init__(self, layer: keras.Layer) -> None:
        self._layer = layer
        self._seed, self._draws = tf.zeros([2], tf.int64), 0
        for part in layer._flatten_layers():  # Keras has no public name for either of these
            for generator in part._seed_generators:
                generator.next = self._next
            if type(part).__module__.startswith(OF_KERAS_CV):
                _draw_from(self._next, part)

    def __call__(self, pixels: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """Changes one image, float32 [size, size, 3] in [0, 255]; what a layer has cut off is scaled up again."""
        self._seed, self._draws = seed, 0
        with _same_choices():
            changed = tf.cast(self._layer(pixels[None], training=True)[0], tf.float32)
        if changed.shape != pixels.shape:
            changed = tf.image.resize(changed, tf.shape(pixels)[:2], antialias=True)
            changed = tf.broadcast_to(changed, tf.shape(pixels))  # KerasCV's Grayscale has one channel
        return tf.ensure_shape(tf.clip_by_value(changed, 0.0, 255.0), pixels.shape)

    def is_repeatable(self, pixels: tf.Tensor, seed: tf.Tensor) -> bool:
        """Returns whether one seed gives one change, which a layer that draws in some other way does not.

        Args:
            pixels: Float32 [size, size, 3] in [0, 255].
            seed: Int64 [2].
        """
        seeds = [tf.random.fold_in(seed, number) for number in range(_TRIES)]  # a coin falls alike now and then
        return all(float(tf.reduce_max(tf.abs(self(pixels, one) - self(pixels, one)))) < 1 for one in seeds)

    def _next(self, *, ordered: bool = True) -> tf.Tensor:  # noqa: ARG002 - Keras' signature
        self._draws += 1
        return tf.random.fold_in(self._seed, self._draws)


class _Generator:
    """In the place of a `tf.random.Generator`, as far as KerasCV's layers for one image use it.

    Args:
        next_seed: Returns another seed, int64 [2], with each call.
    """

    def __init__(self, next_seed: Callable[[], tf.Tensor]) -> None:
        self._next_seed = next_seed

    def uniform(
        self, shape: Sequence[int], minval: float = 0.0, maxval: float = 1.0, dtype: tf.DType = tf.float32
    ) -> tf.Tensor:
        """Draws numbers from [minval, maxval)."""
        return tf.random.stateless_uniform(shape, self._next_seed(), minval, maxval, dtype)


class _Sampler:
    """In the place of KerasCV's `UniformFactorSampler`.

    Args:
        next_seed: Returns another seed, int64 [2], with each call.
        lower: Smallest factor.
        upper: Largest factor.
    """

    def __init__(self, next_seed: Callable[[], tf.Tensor], lower: float, upper: float) -> None:
        self._generator, self._lower, self._upper = _Generator(next_seed), lower, upper

    def __call__(self, shape: Sequence[int] = (), dtype: tf.DType = tf.float32) -> tf.Tensor:
        """Draws factors."""
        return self._generator.uniform(shape, self._lower, self._upper, dtype)


def _draw_from(next_seed: Callable[[], tf.Tensor], layer: keras.Layer) -> None:
    """Has a layer of KerasCV draw from seeds."""
    from keras_cv.core import UniformFactorSampler  # noqa: PLC0415 - half a second

    layer._random_generator = _Generator(next_seed)
    for name, value in list(vars(layer).items()):
        if isinstance(value, UniformFactorSampler):
            setattr(layer, name, _Sampler(next_seed, value.lower, value.upper))


@contextmanager
def _same_choices() -> Iterator[None]:
    """Has AugMix, which chooses its chains with Python's generator when it is traced, choose the same each time."""
    state = random.getstate()
    random.seed(0)
    try:
        yield
    finally:
        random.setstate(state)
