"""Groups of images that show the same, or that belong together: those must never part between training and testing."""

import numpy as np

from components._duplicates.forest import Forest, Indices
from components._duplicates.near import Hashes, unite_equal, unite_near
from components.ingest.decoded_columns import Ids, KeyRanks


def near_duplicate_groups(ids: Ids, hashes: Hashes, max_distance: int, keys: KeyRanks) -> Indices:
    """Groups images that a chain of near-duplicates and equal keys connects.

    Args:
        ids: Of the images, bytes [N].
        hashes: Their perceptual hashes, uint64 [N].
        max_distance: Two images are near-duplicates when their hashes differ in at most this many bits, in
            [0, 63].
        keys: Ranks of the user's own groups, int32 [N]; -1 for an image without one.

    Returns:
        For each image the number of the one that names its group, int64 [N]: the one with the smallest key in it or,
        without any, with the smallest id; its own if it is alone.
    """
    forest = Forest(len(ids))
    keyed = np.flatnonzero(keys >= 0)
    unite_equal(forest, keyed, keys[keyed])
    unite_near(forest, np.arange(len(ids)), hashes, max_distance)
    return _naming(ids, keys, forest.roots(np.arange(len(ids))))


def _naming(ids: Ids, keys: KeyRanks, roots: Indices) -> Indices:
    """Returns the member of each group that gives it its name."""
    with_key_first = keys.view(np.uint32)  # -1 becomes the largest
    order = np.lexsort((ids, with_key_first, roots))
    begins = np.diff(roots[order], prepend=-1) != 0
    naming = np.empty(len(ids), np.int64)
    naming[order] = order[begins][np.cumsum(begins) - 1]
    return naming
