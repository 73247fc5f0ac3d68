"""Which group of images goes to which split. Pure: the same groups, fractions and seed give the same answer."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from components.split.image_rows import Integers
from components.split.lots import drawn_ranks
from components.split.parameters import SplitParameters

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)
Codes = NDArray[np.int8]  # of splits: indices into SPLITS, the strictest last; or of folds; NONE for neither
TRAIN, VALIDATION, TEST = range(len(SPLITS))
NONE = -1


@dataclass(frozen=True)
class Groups:
    """Sets of images that must stay together.

    Attributes:
        ids: Of each, string [groups].
        labels: Of most of each one's images, as an index into the class names in sorted order, int64 [groups].
        sizes: Number of images of each, int64 [groups].
    """

    ids: pa.StringArray
    labels: Integers
    sizes: Integers


def groups_of(ids: pa.StringArray, owners: Integers, labels: Integers) -> Groups:
    """Sums images up to the groups that own them.

    Args:
        ids: Of the groups, string [groups].
        owners: Group of each image as an index into `ids`, int64 [images].
        labels: Label of each image as an index into the class names in sorted order, int64 [images].

    Returns:
        The groups. Of several labels with as many images, the first by name counts.
    """
    classes = int(labels.max(initial=0)) + 1
    pairs, counts = np.unique(owners * classes + labels, return_counts=True)
    owner, label = np.divmod(pairs, classes)
    ascending = np.lexsort((-label, counts, owner))
    of_most = np.zeros(len(ids), np.int64)
    of_most[owner[ascending]] = label[ascending]  # of those with one owner the last stays
    return Groups(ids, of_most, np.bincount(owners, minlength=len(ids)))


def assign(groups: Groups, parameters: SplitParameters, previous: Codes) -> Codes:
    """Assigns groups to splits, class by class; a group belongs to the class of its label.

    A class with three groups or more has one in each split: the smallest ones in test and validation, so that
    no cluster of copies swallows the class. The others come in an order drawn from the seed and their ids
    alone; each goes to test where that brings test nearer to its quota of images, else to validation
    likewise, else to train. A class of two groups has train and test, a class of one has train only.

    Args:
        groups: In any order.
        parameters: The fractions of each class's images that are held out, and the seed of the draw.
        previous: Split of each in earlier runs, kept whatever the quotas say; NONE for new ones. int8 [groups].

    Returns:
        The split of each, int8 [groups].
    """
    splits = previous.copy()
    drawn = np.argsort(drawn_ranks(groups.ids, parameters.seed))
    for members in per_class(groups.labels[drawn]):
        rows = drawn[members]
        splits[rows] = _assign_class(groups.sizes[rows], parameters, splits[rows])
    return splits


def per_class(labels: Integers) -> Iterator[Integers]:
    """Yields the indices that have each label, in their order; labels in theirs."""
    order = np.argsort(labels, kind="stable")
    yield from np.split(order, np.flatnonzero(np.diff(labels[order])) + 1)


def _assign_class(sizes: Integers, parameters: SplitParameters, splits: Codes) -> Codes:
    """Assigns one class's groups, given in drawn order, as far as they have no split yet."""
    splits = splits.copy()
    _one_in_each(sizes, splits)
    _fill(TEST, parameters.test_fraction * int(sizes.sum()), sizes, splits)
    _fill(VALIDATION, parameters.validation_fraction * int(sizes.sum()), sizes, splits)
    splits[splits == NONE] = TRAIN
    return splits


def _one_in_each(sizes: Integers, splits: Codes) -> None:
    """Gives each split without a group of the class one, for as many splits as the class can be in."""
    free = np.flatnonzero(splits == NONE)
    by_size = free[np.argsort(sizes[free], kind="stable")].tolist()
    held = set(splits.tolist())
    for split in (TRAIN, TEST, VALIDATION)[: len(sizes)]:
        if split not in held and by_size:
            splits[by_size.pop(-1 if split == TRAIN else 0)] = split


def _fill(split: int, quota: float, sizes: Integers, splits: Codes) -> None:
    """Gives a split those free groups that bring its number of images nearer to the quota."""
    held = int(sizes[splits == split].sum())
    free = np.flatnonzero(splits == NONE)
    more = []
    for group, size in zip(free.tolist(), sizes[free].tolist(), strict=True):
        if held + 0.5 > quota:
            break  # no room for the smallest
        if held + size / 2 <= quota:
            more.append(group)
            held += size
    splits[more] = split
