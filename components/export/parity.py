"""Whether what is served says the same as what was evaluated."""

from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from components._errors import InputError

MAX_DIFFERENCE = 1e-3

Probabilities = NDArray[np.float32]


@dataclass(frozen=True)
class Parity:
    """How far an exported model's probabilities lie from the Keras model's.

    Attributes:
        images: Number of images compared.
        max_difference: Largest absolute difference of any probability, in [0, 1].
        agreement: Share of images with the same most probable class, in [0, 1].
    """

    images: int
    max_difference: float
    agreement: float

    def metrics(self, prefix: str) -> dict[str, float]:
        """Returns the numbers under names that begin with `prefix`."""
        return {f"{prefix}_{name}": value for name, value in asdict(self).items()}


def compare(expected: Probabilities, served: Probabilities) -> Parity:
    """Compares two models' probabilities for the same images, [n, classes] each, n at least 1."""
    return Parity(
        images=len(expected),
        max_difference=float(np.abs(expected - served).max()),
        agreement=float((expected.argmax(-1) == served.argmax(-1)).mean()),
    )


def assert_parity(name: str, parity: Parity) -> None:
    """Refuses an export that says something else than the model that was evaluated.

    Raises:
        InputError: If a probability differs by more than `MAX_DIFFERENCE` or is not a number.
    """
    if not parity.max_difference <= MAX_DIFFERENCE:  # true of NaN, too
        raise InputError(
            f"{name}: expected probabilities within {MAX_DIFFERENCE} of the Keras model's on {parity.images} test "
            f"images, found a difference of {parity.max_difference:.4f} ({parity.agreement:.1%} agree on the class). "
            "Nothing was exported: what would be served is not what was evaluated."
        )
