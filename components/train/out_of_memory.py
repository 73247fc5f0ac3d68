"""What does not fit into memory, said with what does: a training step, or a batch whose features are computed."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import keras
import tensorflow as tf

from components._errors import InputError
from components.train.batch_trials import batch_with_room, half, is_lack_of_memory, largest_batch
from components.train.classifier import Classifier
from components.train.cluster import Cluster
from components.train.parameters import SizedParameters

_OR_ELSE = "or batch_size=auto, or lower image_size_px or finetune_layers."


def check_memory(
    parameters: SizedParameters, classifier: Classifier, classes: int, cluster: Cluster, between: Callable[[], None]
) -> None:
    """Refuses a batch size that will not fit, before training has taken any time.

    Args: As of `batch_with_room`.

    Raises:
        InputError: If memory would run out; says which batch fits.
    """
    fits, size = batch_with_room(parameters, classifier, classes, cluster, between), parameters.batch_size
    if fits < size:
        expected = (
            f"batch_size: expected memory for training steps of {size} images; they would take more than there is."
        )
        raise InputError(f"{expected} {_fits(fits)}")


@contextmanager
def answered(
    phase: str, model: keras.Model, classes: int, batch_size: int, cluster: Cluster, at_once: Callable[[], None]
) -> Iterator[None]:
    """Turns a lack of memory for training steps into an answer.

    Args:
        phase: Name of the phase whose steps are taken.
        model: What learns in it.
        classes: Number of classes.
        batch_size: Of these steps.
        cluster: This process's place.
        at_once: Called when memory has run out, before anything is tried.

    Raises:
        InputError: If memory runs out inside; says which batch fits.
    """

    def answer(reason: str) -> str:
        at_once()
        expected = f"{phase}: expected memory for training steps of {batch_size} images; it ran out ({reason})."
        smaller = half(batch_size, cluster)
        if not smaller:
            return f"{expected} Lower image_size_px or finetune_layers, or choose a smaller backbone."
        if found := largest_batch(model, classes, cluster, smaller):
            return f"{expected} {_fits(found)}"
        return f"{expected} Try half as many: set batch_size={smaller}, {_OR_ELSE}"

    with _answered_by(answer):
        yield


@contextmanager
def answered_of_features(what: str, images: int) -> Iterator[None]:
    """Turns a lack of memory for a frozen backbone's features into an answer.

    Args:
        what: Name of the images.
        images: At a time, which is no parameter: an interrupted training must go on with the same number.

    Raises:
        InputError: If memory runs out inside.
    """
    expected = f"expected memory to compute the features of {images} {what} at a time; it ran out"
    with _answered_by(lambda reason: f"{expected} ({reason}). Lower image_size_px, or choose a smaller backbone."):
        yield


@contextmanager
def _answered_by(answer: Callable[[str], str]) -> Iterator[None]:
    try:
        yield
        return
    except (tf.errors.OpError, MemoryError) as error:
        if not is_lack_of_memory(error):
            raise
        reason = type(error).__name__
    # Here, where the failed step's tensors are gone with its exception.
    raise InputError(answer(reason))


def _fits(batch_size: int) -> str:
    return f"{batch_size} images fit: set batch_size={batch_size}, {_OR_ELSE}"
