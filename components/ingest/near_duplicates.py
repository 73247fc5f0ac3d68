"""Clusters of images that show the same: those must never part between training and testing."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]
Indices = NDArray[np.int64]

_BITS = 64


def near_duplicate_groups(ids: Sequence[str], hashes: Hashes, max_distance: int) -> list[str]:
    """Groups images that a chain of near-duplicates connects.

    Args:
        ids: Of the images.
        hashes: Their perceptual hashes, uint64 [len(ids)].
        max_distance: Two images are near-duplicates when their hashes differ in at most this many bits, in
            [0, 63].

    Returns:
        For each image the smallest id of its group; its own if it is alone.
    """
    distinct, where = np.unique(hashes, return_inverse=True)  # so that equal hashes are never paired
    cluster = _clusters(distinct, max_distance)[where].tolist()
    smallest: dict[int, str] = {}
    for image_id, number in zip(ids, cluster, strict=True):
        smallest[number] = min(image_id, smallest.get(number, image_id))
    return [smallest[number] for number in cluster]


def _clusters(hashes: Hashes, max_distance: int) -> Indices:
    """Returns a number for each of the distinct hashes that is the same within a cluster (union-find)."""
    parent = np.arange(len(hashes))
    for left, right in _near_pairs(hashes, max_distance):
        apart = parent[left] != parent[right]
        for pair in zip(left[apart].tolist(), right[apart].tolist(), strict=True):
            first, second = sorted(_root(parent, index) for index in pair)
            parent[second] = first
        while np.any(parent != parent[parent]):
            parent = parent[parent]
    return parent


def _root(parent: Indices, index: int) -> int:
    while parent[index] != index:
        index = int(parent[index])
    return index


def _near_pairs(hashes: Hashes, max_distance: int) -> Iterator[tuple[Indices, Indices]]:
    """Finds all pairs within a distance, by multi-index hashing.

    Hashes that differ in at most d bits agree in at least one of d + 1 bands of bits, so only those that
    share a band are compared (Norouzi, Punjani, Fleet: "Fast Search in Hamming Space with Multi-Index
    Hashing", CVPR 2012, section 2).

    Yields:
        Two arrays of indices each time; every pair comes at least once.
    """
    edges = np.linspace(0, _BITS, max_distance + 2).astype(int)
    for low, high in pairwise(edges.tolist()):
        band = (hashes >> np.uint64(low)) & np.uint64((1 << (high - low)) - 1)
        order = np.argsort(band, kind="stable")
        for left, right in _pairs_of_equals(band[order]):
            near = np.bitwise_count(hashes[order[left]] ^ hashes[order[right]]) <= max_distance
            yield order[left[near]], order[right[near]]


def _pairs_of_equals(ordered: Hashes) -> Iterator[tuple[Indices, Indices]]:
    """Yields all pairs of positions with equal values of a sorted array, by their distance in it."""
    left = np.arange(len(ordered))
    for step in range(1, len(ordered)):
        left = left[left + step < len(ordered)]
        left = left[ordered[left + step] == ordered[left]]  # equals lie side by side: none is lost for later steps
        if not len(left):
            return
        yield left, left + step
