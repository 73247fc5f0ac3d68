"""Pictures that show the same, told by their perceptual hashes: exactly, and in near-linear time."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from components._duplicates.forest import Forest, Indices

Hashes = NDArray[np.uint64]

_BITS = 64
_NEIGHBOURS = 8  # compared with every hash in sorted order: they unite what is dense, in next to no time
_SMALL = 1024  # hashes that are compared all with all, in lockstep with other runs
_AT_ONCE = 2**16  # hashes that are compared in one go: what comes of it stays in the processor's cache


def unite_near(forest: Forest, members: Indices, hashes: Hashes, max_distance: int) -> None:
    """Unites members whose hashes are near, and those that a chain of such members connects.

    Args:
        forest: Holds the sets.
        members: Numbers in the forest, int64 [N]; one may come several times, with other hashes.
        hashes: Of each, uint64 [N].
        max_distance: Hashes are near that differ in at most this many bits, in [0, 63].
    """
    distinct, first = unite_equal(forest, members, hashes)
    _unite_by_bands(forest, distinct, first, _BITS, max_distance)


def unite_equal(forest: Forest, members: Indices, values: NDArray[Any]) -> tuple[NDArray[Any], Indices]:
    """Unites members of equal values; returns each value once, and the first member that has it."""
    order = np.argsort(values, kind="stable")
    starts, sizes = _runs(values[order])
    first = order[starts]
    forest.unite(members[order], np.repeat(members[first], sizes))
    return values[first], members[first]


def _unite_by_bands(forest: Forest, hashes: Hashes, members: Indices, free: int, max_distance: int) -> None:
    """Unites members whose hashes are near, by multi-index hashing.

    Hashes that differ in at most d bits agree in at least one of d + 1 bands of bits, so only those that
    share a band are compared (Norouzi, Punjani, Fleet: "Fast Search in Hamming Space with Multi-Index
    Hashing", CVPR 2012, section 2). Where too many share one, the bits that are left are cut into bands again.
    What is connected already is not compared, so pictures that are all alike don't cost the square of
    their number.

    Args:
        forest: Holds the groups.
        hashes: Distinct, below 2**free, uint64 [N].
        members: Their numbers in the forest, int64 [N].
        free: The bits in which the hashes may differ.
        max_distance: See `unite_near`.
    """
    if free <= max_distance:
        forest.unite(members[1:], members[:-1])
        return
    edges = np.linspace(0, free, max_distance + 2).astype(int)
    for low, high in pairwise(edges.tolist()):
        rotated = _rotate(hashes, free, free - high)  # the band comes to the top
        order = np.argsort(rotated)
        ordered, of_ordered = rotated[order], members[order]
        for step in range(1, 1 + _NEIGHBOURS):
            _unite_at_distance(forest, ordered, of_ordered, step, max_distance)
        left = free - (high - low)
        band = ordered >> np.uint64(left)
        _unite_in_small_runs(forest, ordered, of_ordered, band, max_distance)
        for run in _large_runs(band):
            _unite_in_run(forest, ordered[run] & _ones(left), of_ordered[run], left, max_distance)


def _unite_in_run(forest: Forest, hashes: Hashes, members: Indices, free: int, max_distance: int) -> None:
    """Unites those of many hashes that share a band, in the cheaper of two ways."""
    roots = forest.roots(members)
    distinct, sizes = np.unique(roots, return_counts=True)
    if len(distinct) == 1:
        return
    outside = roots != distinct[sizes.argmax()]  # of the largest group
    width = free // (max_distance + 1)
    bands_pay = 2**width > 2 * (max_distance + 1) and outside.sum() > _SMALL
    if bands_pay:
        _unite_by_bands(forest, hashes, members, free, max_distance)
    else:
        _unite_with_all(forest, hashes, members, np.flatnonzero(outside), max_distance)


def _unite_with_all(forest: Forest, hashes: Hashes, members: Indices, some: Indices, max_distance: int) -> None:
    """Compares some of the hashes with all."""
    for index in some.tolist():
        near = np.flatnonzero(np.bitwise_count(hashes ^ hashes[index]) <= max_distance)
        forest.unite(members[near], np.full(len(near), members[index]))


def _unite_in_small_runs(forest: Forest, ordered: Hashes, members: Indices, band: Hashes, max_distance: int) -> None:
    """Compares all with all in each run of equal bands, every run one step further at a time."""
    starts, sizes = _runs(band)
    small = np.flatnonzero((sizes > 1 + _NEIGHBOURS) & (sizes <= _SMALL))
    small = small[np.argsort(-sizes[small], kind="stable")]  # those that last longest come first
    starts, sizes = starts[small], sizes[small]
    ends = np.cumsum(sizes)
    within = np.arange(sizes.sum()) + np.repeat(starts - (ends - sizes), sizes)
    ordered, members = ordered[within], members[within]
    for step in range(1 + _NEIGHBOURS, sizes.max(initial=0)):
        going_on = int(ends[np.searchsorted(-sizes, -step) - 1])
        _unite_at_distance(forest, ordered[:going_on], members[:going_on], step, max_distance)


def _unite_at_distance(forest: Forest, ordered: Hashes, members: Indices, step: int, max_distance: int) -> None:
    """Unites near hashes that lie `step` apart; those of two runs may be near as well."""
    for start in range(0, len(ordered) - step, _AT_ONCE):
        left, right = ordered[start : start + _AT_ONCE], ordered[start + step : start + step + _AT_ONCE]
        near = start + np.flatnonzero(np.bitwise_count(left[: len(right)] ^ right) <= max_distance)
        forest.unite(members[near + step], members[near])


def _large_runs(band: Hashes) -> Iterator[slice]:
    starts, sizes = _runs(band)
    for index in np.flatnonzero(sizes > _SMALL).tolist():
        yield slice(int(starts[index]), int(starts[index] + sizes[index]))


def _runs(ordered: NDArray[Any]) -> tuple[Indices, Indices]:
    """Returns where runs of equal values start in a sorted array, and their sizes."""
    starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]])[: len(ordered)])
    return starts, np.diff(np.append(starts, len(ordered)))


def _rotate(hashes: Hashes, width: int, by: int) -> Hashes:
    """Rotates the lowest `width` bits to the left; there are no others."""
    if not by:
        return hashes
    return (hashes << np.uint64(by) | hashes >> np.uint64(width - by)) & _ones(width)


def _ones(width: int) -> np.uint64:
    return np.uint64((1 << width) - 1)
