"""What changed in the data since the run before, as the ledger knows it."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from components._text import counted
from components.split.assignment import NONE
from components.split.ledger import Ledger
from components.split.list_columns import owners_of


class Move(NamedTuple):
    """A group that new images tied to a group of another split.

    Attributes:
        group: Its id.
        from_split: Where it was; train, if any part of it was. Of a ledger alone this may be a fold: `fold 3`.
        to_split: Where it is now, likewise.
    """

    group: str
    from_split: str
    to_split: str


@dataclass(frozen=True)
class Changes:
    """The last run against the one before.

    Attributes:
        previous_date: Of the run before, YYYY-MM-DD.
        new_images: Number of images never seen before, in new groups and in known ones; None if not recorded.
        vanished_images: Number of images that the run before had and this one has not; None if not recorded.
        new_groups: Number of groups never seen before.
        new_groups_of_class: The same per class, in label order; a group of two labels counts for both.
        kept_groups: Number of groups that are in this run and were in any before.
        vanished_groups: Number of groups that the run before had and this one has not.
        moved: Groups that had to change their split, by id.
        new_classes: Sorted.
        vanished_classes: Sorted.
    """

    previous_date: str
    new_images: int | None
    vanished_images: int | None
    new_groups: int
    new_groups_of_class: Mapping[str, int]
    kept_groups: int
    vanished_groups: int
    moved: tuple[Move, ...]
    new_classes: tuple[str, ...]
    vanished_classes: tuple[str, ...]

    @property
    def in_words(self) -> str:
        """What is new and what is gone, in numbers."""
        groups = f"{counted(self.new_groups, 'new group')} and {self.vanished_groups:,} gone"
        if self.new_images is None:
            return groups
        return f"{counted(self.new_images, 'new image')} and {self.vanished_images:,} gone, {groups}"


def changes(ledger: Ledger, fold: int | None = None) -> Changes | None:
    """Compares the ledger's last run with the one before.

    Args:
        ledger: After the last run.
        fold: Which fold validates; None without folds, or for what concerns all of them.

    Returns:
        What changed; None if there is no run before.
    """
    if len(ledger.runs) < 2:
        return None
    number, (before, now) = len(ledger.runs) - 1, ledger.runs[-2:]
    first, last = ledger.numbers("first_run"), ledger.numbers("last_run")
    of_class = groups_per_label(ledger, first == number)
    return Changes(
        previous_date=before.date,
        new_images=ledger.tally.new_images if ledger.tally else None,
        vanished_images=ledger.tally.vanished_images if ledger.tally else None,
        new_groups=int((first == number).sum()),
        new_groups_of_class={name: of_class[name] for name in now.class_names},
        kept_groups=int(((first < number) & (last == number)).sum()),
        vanished_groups=int((last == number - 1).sum()),
        moved=tuple(sorted({*_between_splits(ledger), *_between_folds(ledger, fold)})),
        new_classes=tuple(sorted(set(now.class_names) - set(before.class_names))),
        vanished_classes=tuple(sorted(set(before.class_names) - set(now.class_names))),
    )


def _between_splits(ledger: Ledger) -> Iterator[Move]:
    moved = (ledger.numbers("moved_run") == len(ledger.runs) - 1) & (ledger.splits("moved_from") != NONE)
    for entry in ledger.part(moved).entries:
        if entry.moved_from:
            yield Move(entry.group, entry.moved_from, entry.split)


def _between_folds(ledger: Ledger, fold: int | None) -> Iterator[Move]:
    """Yields what a change of folds means for the run that validates on one of them: to the others it is train."""
    for move in ledger.tally.fold_moves if ledger.tally else ():
        if fold is None:
            yield Move(move.group, f"fold {move.from_fold}", f"fold {move.to_fold}")
        elif fold == move.from_fold:
            yield Move(move.group, "validation", "train")
        elif fold == move.to_fold:
            yield Move(move.group, "train", "validation")


def groups_per_label(ledger: Ledger, chosen: NDArray[np.bool_]) -> Counter[str]:
    """Counts those of the chosen groups, bool [groups], that had each label when last seen."""
    labels = ledger.column("last_labels")
    of_chosen = labels.flatten().filter(pa.array(chosen[owners_of(labels)]))
    return Counter({pair["values"]: pair["counts"] for pair in pc.value_counts(of_chosen).to_pylist()})
