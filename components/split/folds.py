"""Cutting what is not test into folds, one of which validates while the others train."""

import heapq

import numpy as np

from components.split.assignment import NONE, Codes, Groups, per_class
from components.split.image_rows import Integers
from components.split.lots import drawn_ranks


def deal_folds(groups: Groups, folds: int, seed: int, previous: Codes) -> Codes:
    """Deals groups to folds, class by class, so that each fold gets as many of a class's images as the next.

    The largest group goes first, always to the fold with the fewest images of its class: longest processing
    time first (R. L. Graham, "Bounds on Multiprocessing Timing Anomalies", 1969, section 3). Folds
    alike in that get it in order of all their images, so that small classes don't pile up in the first.

    Args:
        groups: All that are not in test, in any order.
        folds: Number of folds, at least 2.
        seed: Decides among groups of equal size.
        previous: Fold of each in earlier runs, kept; NONE for those without. int8 [groups].

    Returns:
        The fold of each, int8 [groups]. A class's only group has NONE: it always trains.
    """
    dealt = previous.copy()
    order = np.lexsort((drawn_ranks(groups.ids, seed), -groups.sizes))
    images = np.zeros(folds, np.int64)
    for members in per_class(groups.labels[order]):
        rows = order[members]
        if len(rows) > 1:
            dealt[rows] = _deal_class(groups.sizes[rows], images, dealt[rows])
        images += _images_per_fold(groups.sizes[rows], dealt[rows], folds)
    return dealt


def _deal_class(sizes: Integers, images: Integers, dealt: Codes) -> Codes:
    """Deals those of a class that have no fold, given in order; `images` are those of other classes per fold."""
    dealt = dealt.copy()
    held = _images_per_fold(sizes, dealt, len(images)).tolist()
    least = [
        (of_class, others, fold) for fold, (of_class, others) in enumerate(zip(held, images.tolist(), strict=True))
    ]
    heapq.heapify(least)
    free = np.flatnonzero(dealt == NONE)
    chosen = []
    for size in sizes[free].tolist():
        of_class, others, fold = least[0]
        heapq.heapreplace(least, (of_class + size, others, fold))
        chosen.append(fold)
    dealt[free] = chosen
    return dealt


def _images_per_fold(sizes: Integers, dealt: Codes, folds: int) -> Integers:
    images = np.zeros(folds, np.int64)
    np.add.at(images, dealt[dealt != NONE], sizes[dealt != NONE])
    return images
