"""Changing images where the model computes, a batch at a time: what pays if that is an accelerator.

The input pipeline decodes, draws what is random, and cuts and scales each image's window, none of which an accelerator
does well. What is left, it does to a whole batch beside the training step.
"""

from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple

import tensorflow as tf

from components._progress import say
from components.formats.tensors import square, to_uint8
from components.train.augmentation import Augment, Augmentation, Draws
from components.train.cluster import has_gpu
from components.train.mixing import blended

_PROBES = 3
_BRANCHES = {"If", "StatelessIf", "Case", "StatelessCase"}


class Draft(NamedTuple):
    """Images that are yet to be changed; n of them, or one without that dimension.

    Attributes:
        pixels: Their windows, uint8 [n, size, size, 3].
        draws: What was drawn for each; by name, [n, ...].
        changes: Whether each is to be changed at all, bool [n].
    """

    pixels: tf.Tensor
    draws: Draws
    changes: tf.Tensor


class Pairs(NamedTuple):
    """Images that are yet to be changed and then mixed.

    Attributes:
        own: The images.
        others: What each is mixed with.
        draws: How, as `mixing.draw` gives it, float32 [n, 5].
    """

    own: Draft
    others: Draft
    draws: tf.Tensor


class Deferred:
    """Changes images as an augmentation does, later and a batch at a time; an `Augment`.

    Each image is changed by its own draws, so that it comes out the same in any batch; and the same as if it were
    changed alone, but for a window's pixels, which are rounded on their way.

    Args:
        augmentation: What is done to each image.
        size_px: Side of the images.

    Attributes:
        at_once: Whether all images of a batch are changed together, not one after the other.
    """

    def __init__(self, augmentation: Augmentation, size_px: int) -> None:
        self._augmentation = augmentation
        self._of_batch, self.at_once = _of_batch(augmentation, size_px)
        self.finished = tf.function(self._finished, reduce_retracing=True)

    def __call__(self, pixels: tf.Tensor, size_px: int, seed: tf.Tensor) -> Draft:
        """Returns an image's window, and what is to be done to it."""
        draws = self._augmentation.draw(seed, size_px)
        return Draft(_whole_levels(self._augmentation.window(pixels, size_px, draws)), draws, tf.constant(True))

    def plain(self, pixels: tf.Tensor, size_px: int) -> Draft:
        """Returns an image of which nothing is to be changed."""
        draws = self._augmentation.draw(tf.zeros([2], tf.int64), size_px)
        return Draft(square(pixels, size_px), draws, tf.constant(False))

    def pair(self, x: Draft, others: Draft, draws: tf.Tensor) -> Pairs:
        """Returns what is to be mixed."""
        return Pairs(x, others, draws)

    def _finished(self, x: Any) -> tf.Tensor:  # noqa: ANN401 - one of three
        """Returns pixels, uint8 [n, size, size, 3].

        Args:
            x: A batch of drafts, of pairs of them, or of pixels, to which nothing is done.
        """
        if isinstance(x, Pairs):
            both = tf.nest.map_structure(lambda own, other: tf.concat([own, other], 0), x.own, x.others)
            own, others = tf.split(self._changed(both), 2)
            return blended(own, others, x.draws)
        return self._changed(x) if isinstance(x, Draft) else x

    def _changed(self, drafts: Draft) -> tf.Tensor:
        changed = self._of_batch(drafts.pixels, drafts.draws)
        return _chosen(drafts.changes[:, None, None, None], lambda: changed, lambda: drafts.pixels)


def where_fast(augmentation: Augmentation, size_px: int, *, verbose: bool) -> Augment:
    """Returns what changes images in batches on a GPU, or where there is none, as they are decoded.

    Args:
        augmentation: What is done to each image.
        size_px: Side of the images.
        verbose: Whether it is said if a GPU can't take several images at once.
    """
    if not has_gpu():
        return augmentation
    deferred = Deferred(augmentation, size_px)
    if verbose and not deferred.at_once:
        say("train", "augmentation: one image after the other, because of layers that can't take several at once")
    return deferred


def _whole_levels(window: tf.Tensor) -> tf.Tensor:
    return window if window.dtype == tf.uint8 else to_uint8(window)


def _chosen(whether: tf.Tensor, yes: Callable[[], tf.Tensor], no: Callable[[], tf.Tensor]) -> tf.Tensor:
    """Does both and takes one, image by image; GPUs choose among floats."""
    one, other = yes(), no()
    return tf.cast(tf.where(whether, tf.cast(one, tf.float32), tf.cast(other, tf.float32)), one.dtype)


def _of_batch(augmentation: Augmentation, size_px: int) -> tuple[Callable[[tf.Tensor, Draws], tf.Tensor], bool]:
    """Returns the change of a batch, and whether it is made at once, which some layers can't be made to."""

    def change(pixels: tf.Tensor, draws: Draws) -> tf.Tensor:
        return augmentation.change(pixels, draws, _chosen)

    def at_once(pixels: tf.Tensor, draws: Draws) -> tf.Tensor:
        return tf.vectorized_map(lambda each: change(*each), (pixels, draws), warn=False)

    def in_turn(pixels: tf.Tensor, draws: Draws) -> tf.Tensor:
        one = tf.TensorSpec([size_px, size_px, 3], tf.uint8)
        return tf.map_fn(lambda each: change(*each), (pixels, draws), fn_output_signature=one)

    pixels = tf.zeros([_PROBES, size_px, size_px, 3], tf.uint8)
    seeds = [tf.constant([0, index], tf.int64) for index in range(_PROBES)]
    draws = tf.nest.map_structure(lambda *each: tf.stack(each), *[augmentation.draw(seed, size_px) for seed in seeds])
    if not _branches(tf.function(change).get_concrete_function(pixels[0], {name: of[0] for name, of in draws.items()})):
        with suppress(ValueError, TypeError, tf.errors.OpError):
            tf.function(at_once)(pixels, draws)
            return at_once, True
    return in_turn, False


def _branches(function: Any) -> bool:  # noqa: ANN401 - TensorFlow's ConcreteFunction, which has no public name
    """Says whether a layer does one thing or another: vectorized, it fails if no image of a batch takes a branch."""
    graph = function.graph.as_graph_def()
    nodes = [*graph.node, *(node for inner in graph.library.function for node in inner.node_def)]
    return any(node.op in _BRANCHES for node in nodes)
