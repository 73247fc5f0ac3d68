"""Which groups of this run the ledger knows: by the images and keys they have in common, whatever their ids."""

from collections.abc import Sequence
from typing import NamedTuple

from components.split.assignment import SPLITS, Group, Split
from components.split.ledger import Entry


class Kin(NamedTuple):
    """What belongs together: one entry of the next ledger.

    Attributes:
        groups: Of this run; several, if the images that tied them together have vanished.
        entries: Of the ledger; several, if new images tie them together, and none for a new group.
    """

    groups: list[Group]
    entries: list[Entry]

    @property
    def split(self) -> Split | None:
        """The strictest split that any part was in: nothing leaves test, nor validation for train; None if new."""
        return max((entry.split for entry in self.entries), key=SPLITS.index, default=None)

    @property
    def fold(self) -> int | None:
        """The smallest fold of its parts; None in test, without folds, and if new."""
        folds = [entry.fold for entry in self.entries if entry.fold is not None]
        return min(folds, default=None) if self.split != "test" else None


def find_kin(groups: Sequence[Group], entries: Sequence[Entry]) -> list[Kin]:
    """Puts groups and entries together that images or keys connect.

    Args:
        groups: Of this run; no two share an image or a key.
        entries: Of the ledger; likewise.

    Returns:
        Every group and every entry, each in one place.
    """
    if not entries:
        return [Kin([group], []) for group in groups]
    of_image = {image: index for index, entry in enumerate(entries) for image in entry.images}
    of_key = {key: index for index, entry in enumerate(entries) for key in entry.keys}
    parent = list(range(len(entries)))
    first_known: list[int | None] = []
    for group in groups:
        known = {of_image[image] for image in group.images if image in of_image}
        known |= {of_key[key] for key in group.keys if key in of_key}
        first_known.append(min(known, default=None))
        for index in known:
            parent[_root(parent, index)] = _root(parent, min(known))
    kin = {root: Kin([], []) for root in range(len(entries)) if parent[root] == root}
    for index, entry in enumerate(entries):
        kin[_root(parent, index)].entries.append(entry)
    for group, known_as in zip(groups, first_known, strict=True):
        if known_as is not None:
            kin[_root(parent, known_as)].groups.append(group)
    new = [Kin([group], []) for group, known_as in zip(groups, first_known, strict=True) if known_as is None]
    return [*kin.values(), *new]


def _root(parent: list[int], index: int) -> int:
    while parent[index] != index:
        parent[index] = parent[parent[index]]
        index = parent[index]
    return index
