"""Random choices, spelled so that a scene reads as a list of decisions."""

from collections.abc import Sequence
from typing import TypeVar

from numpy.random import Generator

T = TypeVar("T")


def happens(rng: Generator, probability: float) -> bool:
    """Returns True with the given probability (0..1)."""
    return bool(rng.random() < probability)


def pick(rng: Generator, options: Sequence[T]) -> T:
    """Returns one of the options, each equally likely."""
    return options[int(rng.random() * len(options))]


def count(rng: Generator, low: int, high: int) -> int:
    """Returns a whole number from low to high, both included."""
    return low + int(rng.random() * (high - low + 1))
