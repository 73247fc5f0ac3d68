"""Which groups of this run the ledger knows: by what they have in common, whatever their ids."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from components._duplicates.forest import Forest
from components._duplicates.near import unite_near
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
    """Puts groups and entries together that images, keys or pictures connect.

    Pictures are near-duplicates of those of earlier runs by the same rule as of each other: so one that was tested on
    does not come back into training when it is saved again at another quality or size.

    Args:
        rows: Of this run; no two groups share an image, a key or a picture.
        ledger: So far; neither do two of its entries share an image or a key.

    Returns:
        The kin of every group and every entry.
    """
    groups = len(rows.group_names)
    if not ledger:
        return _named(np.arange(groups), np.arange(0), rows.group_names)
    forest = Forest(groups + len(ledger.table))
    for name, members, values in (
        ("images", rows.groups, rows.ids),
        ("keys", rows.groups[owners_of(rows.keys)], rows.keys.flatten()),
    ):
        known = ledger.column(name)
        where = np.asarray(pc.index_in(values, value_set=known.flatten()).fill_null(NONE).to_numpy(), np.int64)
        forest.unite(members[where != NONE], groups + owners_of(known)[where[where != NONE]])
    known = ledger.column("hashes")
    members = np.concatenate([rows.groups, groups + owners_of(known)])
    unite_near(forest, members, np.concatenate([rows.hashes, known.flatten()]), rows.near_duplicate_distance)
    roots = forest.roots(np.arange(groups + len(ledger.table)))
    return _named(roots[:groups], roots[groups:], pa.concat_arrays([rows.group_names, ledger.column("group")]))


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
