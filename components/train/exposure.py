"""How much of what training learns from comes from each class, all that is done about imbalance taken together."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from components.train.history import ClassExposure
from components.train.imbalance import Correction
from components.train.mixing import Mixing

MOST_LINES = 20


def exposure(counts: NDArray[np.int64], correction: Correction, mixing: Mixing) -> NDArray[np.float64]:
    """Returns the share of the loss that falls on each class's labels: sampler x weight x mixing.

    A mixed image weighs what its classes weigh in their proportions. Its label being s of one image and 1 - s of
    another, class c gets (s^2 + (1 - s)^2) of its own weight and 2 s (1 - s) of the mean weight of what is drawn.

    Args:
        counts: Images per class, in label order; each at least 1.
        correction: Of which sampling and weights count; the logits' adjustment moves the boundary, not the exposure.
        mixing: Pairs are taken as independent of their classes.

    Returns:
        Float64 [classes]; adds up to 1.
    """
    drawn = counts * correction.sampling
    drawn = drawn / drawn.sum()
    mean_weight = (drawn * correction.weights).sum()
    weights = (1 - mixing.rate) * correction.weights + mixing.rate * mean_weight
    return drawn * weights / mean_weight


def exposures(counts: Mapping[str, int], correction: Correction, mixing: Mixing) -> dict[str, ClassExposure]:
    """Returns each class's exposure with what makes it up, in label order; see `exposure`."""
    images = np.array(list(counts.values()), np.int64)
    shares = exposure(images, correction, mixing)
    shifts = np.asarray(correction.log_prior, np.float64)
    return {
        name: ClassExposure(
            images=int(images[label]),
            share_of_images=round(float(images[label] / images.sum()), 5),
            sampling=round(float(correction.sampling[label]), 4),
            weight=round(float(correction.weights[label]), 4),
            logit_shift=round(float(shifts[label]), 4),
            exposure=round(float(shares[label]), 5),
        )
        for label, name in enumerate(counts)
    }


def exposure_lines(classes: Mapping[str, ClassExposure]) -> list[str]:
    """Returns a line for each class, the rarest first; of many classes, the rarest only."""
    rarest = sorted(classes.items(), key=lambda item: (item[1]["images"], item[0]))
    lines = [f"exposure of {name}: {_line(of_class)}" for name, of_class in rarest[:MOST_LINES]]
    if left := len(rarest) - len(lines):
        lines.append(f"exposure of {left} larger classes: in history.json")
    return lines


def _line(of_class: ClassExposure) -> str:
    shifted = f", logits {of_class['logit_shift']:+.2f}" if of_class["logit_shift"] else ""
    return (
        f"{of_class['images']} images ({of_class['share_of_images']:.1%}), drawn x{of_class['sampling']:.2f}, "
        f"weight x{of_class['weight']:.2f}{shifted} -> {of_class['exposure']:.1%}"
    )
