"""Cutting what is not test into folds, one of which validates while the others train."""

import heapq
from collections.abc import Iterable, Iterator, Mapping, Sequence

from components.split.assignment import Group, draw


def deal_folds(
    groups: Iterable[Group], folds: int, seed: int, previous: Mapping[str, int] | None = None
) -> dict[str, int]:
    """Deals groups to folds, class by class, so that each fold gets as many of a class's images as the next.

    The largest group goes first, always to the fold with the fewest images of its class: longest processing
    time first (R. L. Graham, "Bounds on Multiprocessing Timing Anomalies", 1969, section 3). Folds
    alike in that get it in order of all their images, so that small classes don't pile up in the first.

    Args:
        groups: All that are not in test, in any order.
        folds: Number of folds, at least 2.
        seed: Decides among groups of equal size.
        previous: Folds of earlier runs by group id: kept.

    Returns:
        The fold of each group by id, in [0, folds). A class's only group has none: it always trains.
    """
    of_class: dict[str, list[Group]] = {}
    for group in groups:
        of_class.setdefault(group.label, []).append(group)
    dealt: dict[str, int] = {}
    images = [0] * folds
    for _, members in sorted(of_class.items()):
        kept = {group.id: previous[group.id] for group in members if previous and group.id in previous}
        if len(members) > 1:
            kept |= _deal_class(members, images, kept, seed)
        for group in members:
            if group.id in kept:
                images[kept[group.id]] += group.size
        dealt |= kept
    return dealt


def _deal_class(
    members: Sequence[Group], images: Sequence[int], kept: Mapping[str, int], seed: int
) -> Iterator[tuple[str, int]]:
    """Yields id and fold of each group of a class that has none yet; `images` are those of other classes per fold."""
    held = [0] * len(images)
    for group in members:
        if group.id in kept:
            held[kept[group.id]] += group.size
    least = [(of_class, others, fold) for fold, (of_class, others) in enumerate(zip(held, images, strict=True))]
    heapq.heapify(least)
    free = [group for group in members if group.id not in kept]
    for group in sorted(free, key=lambda group: (-group.size, draw(group.id, seed))):
        of_class, others, fold = least[0]
        heapq.heapreplace(least, (of_class + group.size, others, fold))
        yield group.id, fold
