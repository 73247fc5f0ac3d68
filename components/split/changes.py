"""What changed in the data since the run before, as the ledger knows it."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from components.split.assignment import NONE, Split
from components.split.ledger import Ledger
from components.split.list_columns import owners_of


class Move(NamedTuple):
    """A group that new images tied to a group of another split.

    Attributes:
        group: Its id.
        from_split: Where it was; train, if any part of it was.
        to_split: Where it is now.
    """

    group: str
    from_split: Split
    to_split: Split


@dataclass(frozen=True)
class Changes:
    """The last run against the one before.

    Attributes:
        previous_date: Of the run before, YYYY-MM-DD.
        new_groups: Number of groups never seen before.
        new_groups_of_class: The same per class, in label order; a group of two labels counts for both.
        kept_groups: Number of groups that are in this run and were in any before.
        vanished_groups: Number of groups that the run before had and this one has not.
        moved: Groups that had to change their split, by id.
        new_classes: Sorted.
        vanished_classes: Sorted.
    """

    previous_date: str
    new_groups: int
    new_groups_of_class: Mapping[str, int]
    kept_groups: int
    vanished_groups: int
    moved: tuple[Move, ...]
    new_classes: tuple[str, ...]
    vanished_classes: tuple[str, ...]


def changes(ledger: Ledger) -> Changes | None:
    """Compares the ledger's last run with the one before; None if there is none before."""
    if len(ledger.runs) < 2:
        return None
    number, (before, now) = len(ledger.runs) - 1, ledger.runs[-2:]
    first, last = ledger.numbers("first_run"), ledger.numbers("last_run")
    moved = ledger.part((ledger.numbers("moved_run") == number) & (ledger.splits("moved_from") != NONE)).entries
    of_class = groups_per_label(ledger, first == number)
    return Changes(
        previous_date=before.date,
        new_groups=int((first == number).sum()),
        new_groups_of_class={name: of_class[name] for name in now.class_names},
        kept_groups=int(((first < number) & (last == number)).sum()),
        vanished_groups=int((last == number - 1).sum()),
        moved=tuple(Move(entry.group, entry.moved_from, entry.split) for entry in moved if entry.moved_from),
        new_classes=tuple(sorted(set(now.class_names) - set(before.class_names))),
        vanished_classes=tuple(sorted(set(before.class_names) - set(now.class_names))),
    )


def groups_per_label(ledger: Ledger, chosen: NDArray[np.bool_]) -> Counter[str]:
    """Counts those of the chosen groups, bool [groups], that had each label when last seen."""
    labels = ledger.column("last_labels")
    of_chosen = labels.flatten().filter(pa.array(chosen[owners_of(labels)]))
    return Counter({pair["values"]: pair["counts"] for pair in pc.value_counts(of_chosen).to_pylist()})
