"""A training step that does not fit into memory, said with what does."""

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
    try:
        yield
        return
    except (tf.errors.OpError, MemoryError) as error:
        if not is_lack_of_memory(error):
            raise
        reason = type(error).__name__
    # Here, where the failed step's tensors are gone with its exception.
    raise InputError(_answer(phase, batch_size, replicas, largest, reason))


def _answer(phase: str, batch_size: int, replicas: int, largest: Callable[[int], int | None], reason: str) -> str:
    expected = f"{phase}: expected memory for training steps of {batch_size} images; it ran out ({reason}). "
    half = batch_size // 2 // replicas * replicas
    if not half:
        return f"{expected}Lower image_size_px or finetune_layers, or choose a smaller backbone."
    found = largest(half)
    tried = f"{found} images fit: set batch_size={found}," if found else f"Try half as many: set batch_size={half},"
    return f"{expected}{tried} or batch_size=auto, or lower image_size_px or finetune_layers."
