"""Disjoint sets of numbers, united many pairs at a time."""

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.int64]


class Forest:
    """Union-find over 0 to N - 1, without a Python loop over pairs; the root of a set is its smallest number."""

    def __init__(self, size: int) -> None:
        self._parent = np.arange(size)

    def roots(self, members: Indices) -> Indices:
        """Returns the smallest number in the set of each member.

        Paths halve for all members at once (pointer jumping: J. JáJá, "An Introduction to Parallel
        Algorithms", 1992, section 2.2).
        """
        while True:
            root = self._parent[members]
            above = self._parent[root]
            if np.array_equal(root, above):
                return root
            self._parent[members] = above

    def unite(self, left: Indices, right: Indices) -> None:
        """Makes one set of the sets of left[i] and right[i], for every i; both int64 [M]."""
        while True:
            left, right = self.roots(left), self.roots(right)
            apart = left != right
            left, right = left[apart], right[apart]
            if not len(left):
                return
            np.minimum.at(self._parent, np.maximum(left, right), np.minimum(left, right))
