"""What does not fit into memory, said with what does: a training step, or a batch whose features are computed."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import tensorflow as tf

from components._errors import InputError
from components.train.batch_trials import is_lack_of_memory


@contextmanager
def answered(phase: str, batch_size: int, replicas: int, largest: Callable[[int], int | None]) -> Iterator[None]:
    """Turns a lack of memory into an answer.

    Args:
        phase: Name of the phase whose steps are taken.
        batch_size: Of these steps.
        replicas: That share a batch.
        largest: Tries batches out, from a size on downwards, and returns the first that fits; None if it can't try.

    Raises:
        InputError: If memory runs out inside; says which batch would fit.
    """
    with _answered_by(lambda reason: _answer(phase, batch_size, replicas, largest, reason)):
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


def _answer(phase: str, batch_size: int, replicas: int, largest: Callable[[int], int | None], reason: str) -> str:
    expected = f"{phase}: expected memory for training steps of {batch_size} images; it ran out ({reason}). "
    half = batch_size // 2 // replicas * replicas
    if not half:
        return f"{expected}Lower image_size_px or finetune_layers, or choose a smaller backbone."
    found = largest(half)
    tried = f"{found} images fit: set batch_size={found}," if found else f"Try half as many: set batch_size={half},"
    return f"{expected}{tried} or batch_size=auto, or lower image_size_px or finetune_layers."
