"""Which groups of this run the ledger knows: by what they have in common, whatever their ids."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from components.split.assignment import NONE, Codes
from components.split.image_rows import ImageRows, Integers
from components.split.ledger import Ledger
from components.split.list_columns import owners_of
from components.split.lots import ranks_of, sorted_order


@dataclass(frozen=True)
class Kin:
    """What belongs together: a kin is one entry of the next ledger, and what was tied once has one split and one fold.

    A kin has one group and no entry if it is new, several groups if the images that tied them together have vanished,
    several entries if new images tie them together, and no group if it has vanished.

    Attributes:
        of_group: Kin of each group of this run, int64 [groups].
        of_entry: Kin of each entry of the ledger, int64 [entries].
        names: The smallest id of its groups; of one without, its entry's. Sorted, string [kin].
    """

    of_group: Integers
    of_entry: Integers
    names: pa.StringArray

    @property
    def is_present(self) -> NDArray[np.bool_]:
        """Whether it has a group of this run, bool [kin]."""
        return np.bincount(self.of_group, minlength=len(self.names)) > 0

    def splits(self, ledger: Ledger | None) -> Codes:
        """The strictest split that any part was in: nothing leaves test, nor validation for train. int8 [kin]."""
        strictest = np.full(len(self.names), NONE, np.int8)
        if ledger:
            np.maximum.at(strictest, self.of_entry, ledger.splits())
        return strictest


def find_kin(rows: ImageRows, ledger: Ledger | None) -> Kin:
    """Puts groups and entries together that images, keys or perceptual hashes connect.

    A hash connects what has the very same: of 300 photographs saved again as JPEG, 96 % keep theirs at quality 85, 89 %
    at half the size. Hashes that differ in a few bits are near-duplicates as well, but only ingest searches for those,
    among the images of one run: a picture whose hash has changed, and that has no key, is new to the ledger.

    Args:
        rows: Of this run; no two groups share an image, a key or a hash.
        ledger: So far; neither do two of its entries.

    Returns:
        The kin of every group and every entry.
    """
    groups = len(rows.group_names)
    if not ledger:
        return _named(np.arange(groups), np.arange(0), rows.group_names)
    ties = list(_ties(rows, ledger))
    group = np.concatenate([group for group, _ in ties])
    entry = np.concatenate([entry for _, entry in ties])
    roots = _components(groups + entry, group, groups + len(ledger.table))
    names = pa.concat_arrays([rows.group_names, ledger.column("group")])
    return _named(roots[:groups], roots[groups:], names)


def _ties(rows: ImageRows, ledger: Ledger) -> Iterator[tuple[Integers, Integers]]:
    """Yields pairs of a group and an entry that have an image, a key or a hash in common."""
    columns = {
        "images": (rows.groups, rows.ids),
        "keys": (rows.groups[owners_of(rows.keys)], rows.keys.flatten()),
        "hashes": (rows.groups, pa.array(rows.hashes)),
    }
    for name, (groups, values) in columns.items():
        known = ledger.column(name)
        where = np.asarray(pc.index_in(values, value_set=known.flatten()).fill_null(NONE).to_numpy(), np.int64)
        yield groups[where != NONE], owners_of(known)[where[where != NONE]]


def _components(left: Integers, right: Integers, nodes: int) -> Integers:
    """Returns the smallest node that ties lead to, for each node of a graph.

    Each round hangs every root onto the smallest root it is tied to and then shortens all paths: the hooking and
    compressing of Y. Shiloach and U. Vishkin, "An O(log n) parallel connectivity algorithm" (1982).
    """
    root = np.arange(nodes)
    while len(left):
        one, other = root[left], root[right]
        np.minimum.at(root, np.maximum(one, other), np.minimum(one, other))
        while not np.array_equal(shorter := root[root], root):
            root = shorter
        apart = root[left] != root[right]
        left, right = left[apart], right[apart]
    return root


def _named(group_roots: Integers, entry_roots: Integers, names: pa.StringArray) -> Kin:
    """Numbers kin in the order of their names; `names` are those of all groups, then of all entries."""
    groups = len(group_roots)
    roots, numbers = np.unique(np.concatenate([group_roots, entry_roots]), return_inverse=True)
    order = sorted_order(names)
    ranks = ranks_of(order)
    first = np.full(len(roots), len(names))
    np.minimum.at(first, numbers[:groups], ranks[:groups])
    is_vanished = first[numbers[groups:]] == len(names)
    first[numbers[groups:][is_vanished]] = ranks[groups:][is_vanished]
    by_name = np.argsort(first, kind="stable")
    numbers = ranks_of(by_name)[numbers]
    return Kin(numbers[:groups], numbers[groups:], names.take(pa.array(order[first[by_name]])))
