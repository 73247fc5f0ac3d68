"""Which groups of this run the ledger knows: by what they have in common, whatever their ids."""

from collections import Counter
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
    def merged(self) -> Group:
        """Its groups, at least one, as one: what was tied once has one split and one fold, tie or no tie."""
        if len(self.groups) == 1:
            return self.groups[0]
        counts: Counter[str] = Counter()
        for group in self.groups:
            counts.update(group.counts)
        return Group(
            id=min(group.id for group in self.groups),
            counts=counts,
            images=[image for group in self.groups for image in group.images],
            keys={key for group in self.groups for key in group.keys},
            hashes={value for group in self.groups for value in group.hashes},
        )

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
    """Puts groups and entries together that images, keys or perceptual hashes connect.

    A hash connects what has the very same: of 300 photographs saved again as JPEG, 96 % keep theirs at quality 85, 89 %
    at half the size. Hashes that differ in a few bits are near-duplicates as well, but only ingest searches for those,
    among the images of one run: a picture whose hash has changed, and that has no key, is new to the ledger.

    Args:
        groups: Of this run; no two share an image, a key or a hash.
        entries: Of the ledger; likewise.

    Returns:
        Every group and every entry, each in one place.
    """
    if not entries:
        return [Kin([group], []) for group in groups]
    of_image = {image: index for index, entry in enumerate(entries) for image in entry.images}
    of_key = {key: index for index, entry in enumerate(entries) for key in entry.keys}
    of_hash = {value: index for index, entry in enumerate(entries) for value in entry.hashes}
    parent = list(range(len(entries)))
    first_known: list[int | None] = []
    for group in groups:
        known = {of_image[image] for image in group.images if image in of_image}
        known |= {of_key[key] for key in group.keys if key in of_key}
        known |= {of_hash[value] for value in group.hashes if value in of_hash}
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
