"""The largest batch that fits into memory and still makes training faster."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from math import inf, sqrt
from typing import Any

from components._errors import InputError
from components.train.parameters import SizedParameters, TrainParameters

# Learning rates are given for this one.
REFERENCE = 32
_RATES = ("head_learning_rate", "finetune_learning_rate")
LARGEST = 1024
LARGEST_OF_UNKNOWN_MEMORY = 64
_MIN_STEPS_OF_EPOCH = 10
# A batch twice as large must bring so much more images a second.
_GROWTH = 1.05
# Share of the available memory that a step may be expected to take.
SHARE_OF_MEMORY = 0.8
# Where memory can't be foretold, a batch so much larger must fit too.
_MARGIN = 1.25


@dataclass(frozen=True)
class Attempt:
    """Training steps of one batch size.

    Attributes:
        batch_size: Over all replicas.
        images_per_s: Over all replicas; None if the batch did not fit.
        taken_bytes: The most memory that the process held; None where unknown.
    """

    batch_size: int
    images_per_s: float | None
    taken_bytes: int | None = None


@dataclass(frozen=True)
class BatchSize:
    """A batch size that was found, and what it is based on.

    Attributes:
        batch_size: Over all replicas.
        reason: What a larger one would have met.
        attempts: In order.
    """

    batch_size: int
    reason: str
    attempts: tuple[Attempt, ...] = ()

    def __str__(self) -> str:
        tried = ", ".join(f"{each.batch_size}: {each.images_per_s:.1f}" for each in self.attempts if each.images_per_s)
        return (
            f"batch_size {self.batch_size}, because {self.reason}; learning rates are multiplied by "
            f"{self.learning_rate_factor:.2f}, the square root of {self.batch_size} / {REFERENCE} "
            f"(images/s by batch size: {tried})"
        )

    @property
    def learning_rate_factor(self) -> float:
        """Square-root scaling for Adam: Malladi et al. 2022, arXiv 2205.10287, definition 5, its learning rate only.

        Adam's betas stay: by the whole rule they would turn negative from ten times the batch on.
        """
        return sqrt(self.batch_size / REFERENCE)

    def shared_by(self, replicas: int) -> "BatchSize":
        """Returns it, found before an interruption, for this many replicas.

        Raises:
            InputError: If they can't share it.
        """
        if self.batch_size % replicas:
            raise InputError(
                f"batch_size: {self.batch_size} was found before the interruption, which {replicas} replicas can't "
                "share. Go on with as many workers and devices as then, or begin anew with a batch_size."
            )
        return self

    def facts(self) -> dict[str, Any]:
        """Returns it as JSON would hold it."""
        return asdict(self) | {"learning_rate_factor": self.learning_rate_factor}

    @classmethod
    def of(cls, facts: dict[str, Any]) -> "BatchSize":
        """Reads what `facts` returned."""
        return cls(facts["batch_size"], facts["reason"], tuple(Attempt(**each) for each in facts["attempts"]))


def sized(parameters: TrainParameters, found: BatchSize) -> SizedParameters:
    """Returns parameters with the batch size that was found, and learning rates for it."""
    factor = found.learning_rate_factor
    rates = {name: min(1.0, factor * getattr(parameters, name)) for name in _RATES}
    return SizedParameters.model_validate(parameters.model_dump() | rates | {"batch_size": found.batch_size})


class Search:
    """Tries batch sizes out.

    Args:
        attempt: Takes training steps of a batch size and returns what was seen, nothing if it does not fit.
        replicas: Each batch size is a multiple of it.
        room_bytes: What the process may hold in all; None if only trying tells.

    Attributes:
        attempts: So far.
    """

    def __init__(self, attempt: Callable[[int], Attempt | None], replicas: int, room_bytes: int | None) -> None:
        self._attempt, self._replicas, self.room_bytes = attempt, replicas, room_bytes
        self.attempts: list[Attempt] = []

    def fastest(self, rows: int, limit: int = LARGEST) -> BatchSize:
        """Doubles the batch while that brings more images a second, memory allows it and an epoch has ten steps.

        Args:
            rows: Images of an epoch.
            limit: Of the batch, whatever else would allow more.

        Raises:
            InputError: If not even one image a replica fits.
        """
        most = min(limit, max(self._replicas, rows // _MIN_STEPS_OF_EPOCH))
        size = self.largest(self._size(min(REFERENCE, most)))
        while 2 * size <= most:
            if not self._fits(2 * size):
                return self._found(self._with_margin(size), f"{2 * size} images don't fit into memory")
            if self._images_per_s(2 * size) < _GROWTH * self._images_per_s(size):
                return self._found(size, f"{2 * size} at a time are not {_GROWTH} times as many images a second")
            size *= 2
        why = f"an epoch is to have {_MIN_STEPS_OF_EPOCH} steps" if most < limit else "larger ones are not tried"
        return self._found(size, why)

    def lacks_room(self, size: int) -> bool:
        """Says whether a batch would take more memory than there is, from steps of 1 image a replica, 2, 4, and so on.

        Those below the batch are taken as long as they are foretold to fit at all, for each foretells the next one
        better: from n/2 and n images, 2n were foretold to take up to 1.12 times what they did.
        """
        room_bytes, few = self.room_bytes or inf, self._replicas
        while few < size and self._foretold_bytes(few) <= room_bytes and self._runs(few):
            few *= 2
        failed = any(each.images_per_s is None for each in self.attempts)
        return failed or self._foretold_bytes(size) > room_bytes

    def largest(self, most: int) -> int:
        """Returns the largest of `most`, its half, and so on, that fits.

        Raises:
            InputError: If not even one image a replica fits.
        """
        for size in (4 * self._replicas, 8 * self._replicas):
            if self.room_bytes and size < most and not self._fits(size):  # foretells how much larger ones take
                most = size
        while not self._fits(most):
            if most == self._replicas:
                raise InputError(
                    f"batch_size: expected memory for a training step of {most} images, one for each replica; there "
                    "is not enough. Lower image_size_px or finetune_layers, or choose a smaller backbone."
                )
            most = max(self._replicas, self._size(most // 2))
        return most

    def _size(self, most: int) -> int:
        """Returns the largest power of two times the replicas up to this one."""
        size = self._replicas
        while 2 * size <= most:
            size *= 2
        return size

    def _fits(self, size: int) -> bool:
        is_tried = any(each.batch_size == size for each in self.attempts)
        if not is_tried and self._foretold_bytes(size) > SHARE_OF_MEMORY * (self.room_bytes or inf):
            return False
        return self._runs(size)

    def _runs(self, size: int) -> bool:
        """Says whether steps of a batch found the memory for it; takes them if that was not tried before."""
        known = next((each for each in self.attempts if each.batch_size == size), None)
        if not known:
            known = self._attempt(size) or Attempt(size, None)
            self.attempts.append(known)
        return known.images_per_s is not None

    def _foretold_bytes(self, size: int) -> float:
        """Returns what a batch would take: each image of it as much as between the two largest ones so far.

        Without two, nothing is known to be taken.
        """
        known = sorted((each.batch_size, each.taken_bytes) for each in self.attempts if each.taken_bytes)
        if len(known) < 2:
            return 0
        (smaller, less), (larger, more) = known[-2:]
        return more + (size - larger) * (more - less) / (larger - smaller)

    def _with_margin(self, size: int) -> int:
        if self.room_bytes is not None:
            return size  # foretold with a margin
        above = -(-int(size * _MARGIN) // self._replicas) * self._replicas
        return size if self._fits(above) else max(self._replicas, size // 2)

    def _images_per_s(self, size: int) -> float:
        return next(each.images_per_s or 0.0 for each in self.attempts if each.batch_size == size)

    def _found(self, size: int, reason: str) -> BatchSize:
        return BatchSize(size, reason, tuple(self.attempts))
