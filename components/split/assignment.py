"""Which group of images goes to which split. Pure: the same groups, fractions and seed give the same answer."""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from typing import Literal, NamedTuple, get_args

from components.split.parameters import SplitParameters

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)


class Group(NamedTuple):
    """Images that must stay together.

    Attributes:
        id: Of the group.
        counts: Images per label, each at least 1.
        images: Their ids.
        keys: The user's own groups among them.
        hashes: Their perceptual hashes, each in [0, 2**64).
    """

    id: str
    counts: Mapping[str, int]
    images: Sequence[str] = ()
    keys: Collection[str] = ()
    hashes: Collection[int] = ()

    @property
    def label(self) -> str:
        """The label of most of its images; of several, the first by name."""
        return min(self.counts, key=lambda name: (-self.counts[name], name))

    @property
    def size(self) -> int:
        """Number of images."""
        return sum(self.counts.values())


def assign(
    groups: Sequence[Group], parameters: SplitParameters, previous: Mapping[str, Split] | None = None
) -> dict[str, Split]:
    """Assigns groups to splits, class by class; a group belongs to the class of its label.

    A class with three groups or more has one in each split: the smallest ones in test and validation, so that
    no cluster of copies swallows the class. The others come in an order drawn from the seed and their ids
    alone; each goes to test where that brings test nearer to its quota of images, else to validation
    likewise, else to train. A class of two groups has train and test, a class of one has train only.

    Args:
        groups: In any order.
        parameters: The fractions of each class's images that are held out, and the seed of the draw.
        previous: Splits of earlier runs by group id: kept whatever the quotas say.

    Returns:
        The split of each of `groups`, by id.
    """
    of_class: dict[str, list[Group]] = {}
    for group in sorted(groups, key=lambda group: draw(group.id, parameters.seed)):
        of_class.setdefault(group.label, []).append(group)
    splits: dict[str, Split] = {}
    for members in of_class.values():
        splits |= _assign_class(members, parameters, previous or {})
    return splits


def draw(group_id: str, seed: int) -> str:
    """Returns a group's lot: sorted by it, groups come in an order that no other group has a say in."""
    return hashlib.sha256(f"{seed}/{group_id}".encode()).hexdigest()


def _assign_class(
    members: Sequence[Group], parameters: SplitParameters, previous: Mapping[str, Split]
) -> dict[str, Split]:
    """Assigns one class's groups, given in drawn order."""
    splits = {group.id: previous[group.id] for group in members if group.id in previous}
    splits |= _one_in_each(members, splits)
    images = sum(group.size for group in members)
    splits |= _fill("test", parameters.test_fraction * images, members, splits)
    splits |= _fill("validation", parameters.validation_fraction * images, members, splits)
    return splits | {group.id: "train" for group in members if group.id not in splits}


def _one_in_each(members: Sequence[Group], splits: Mapping[str, Split]) -> dict[str, Split]:
    """Gives each split without a group of the class one, for as many splits as the class can be in."""
    by_size = sorted((group for group in members if group.id not in splits), key=lambda group: group.size)
    by_need: tuple[Split, ...] = ("train", "test", "validation")
    first: dict[str, Split] = {}
    for split in by_need[: len(members)]:
        if split not in splits.values() and by_size:
            first[by_size.pop(-1 if split == "train" else 0).id] = split
    return first


def _fill(split: Split, quota: float, members: Sequence[Group], splits: Mapping[str, Split]) -> dict[str, Split]:
    """Gives a split those free groups that bring its number of images nearer to the quota."""
    held = sum(group.size for group in members if splits.get(group.id) == split)
    more: dict[str, Split] = {}
    for group in members:
        if group.id not in splits and held + group.size / 2 <= quota:
            more[group.id] = split
            held += group.size
    return more
