"""Who is in which split, for people: read from the datasets' manifests and the ledger alone."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from components._errors import InputError
from components.formats.dataset import Dataset, read_dataset
from components.split.assignment import SPLITS, VALIDATION, Split
from components.split.changes import Changes, changes, groups_per_label
from components.split.ledger import Ledger, read_ledger
from components.split.run_record import read_run_record

PerSplit = Mapping[Split, int]


@dataclass(frozen=True)
class LedgerOverview:
    """What a ledger says of its last run.

    Attributes:
        class_names: Of the last run, in label order.
        groups: Number of groups of the last run in each split.
        groups_of_class: Those that hold a class, by class and split; the class with the most comes first.
        gone: Number of groups that only earlier runs had; they keep their split should they come back.
        runs: Number of runs it has been through.
        date: Of the last one, YYYY-MM-DD.
        folds: How many folds train and validation are cut into; 0 for none.
        changes: Since the run before; None if there is none.
    """

    class_names: tuple[str, ...]
    groups: PerSplit
    groups_of_class: Mapping[str, PerSplit]
    gone: int
    runs: int
    date: str
    folds: int
    changes: Changes | None


@dataclass(frozen=True)
class ClassSplit:
    """One class.

    Attributes:
        name: Of the class.
        images: Number of its images in each split.
        groups: Number of groups in each split that hold an image of it.
        new_groups: Number of these that no earlier run had; None for a first run.
    """

    name: str
    images: PerSplit
    groups: PerSplit
    new_groups: int | None

    @property
    def total(self) -> int:
        """Number of its images."""
        return sum(self.images.values())

    def share(self, split: Split) -> float:
        """Returns the part of its images that is in a split; 0 if it has none."""
        return self.images[split] / self.total if self.total else 0.0


@dataclass(frozen=True)
class SplitOverview:
    """What a run of split has put where.

    Attributes:
        datasets: The manifest of each split.
        classes: The largest first.
        ledger: What the ledger says.
        fold: Which fold validates, from 0; None without folds.
    """

    datasets: Mapping[Split, Dataset]
    classes: tuple[ClassSplit, ...]
    ledger: LedgerOverview
    fold: int | None

    @property
    def rows(self) -> int:
        """Number of images."""
        return sum(dataset.rows for dataset in self.datasets.values())

    def share(self, split: Split) -> float:
        """Returns the part of all images that is in a split."""
        return self.datasets[split].rows / self.rows

    def imbalance(self, split: Split) -> float:
        """Returns the images of the largest class for each one of the smallest; infinity if that has none."""
        counts = self.datasets[split].counts.values()
        return max(counts) / min(counts) if min(counts) else math.inf


def read_overview(outputs: Mapping[Split, Path], ledger_folder: Path) -> SplitOverview:
    """Reads what split has written. The same artifacts give the same overview.

    Args:
        outputs: The folder of each split.
        ledger_folder: Of the same run.

    Returns:
        The overview.

    Raises:
        InputError: If any of them is missing, incomplete or of another run.
    """
    datasets: dict[Split, Dataset] = {"train": read_dataset(outputs["train"], "examples")}
    names = datasets["train"].class_names
    datasets |= {split: read_dataset(outputs[split], "examples", names) for split in SPLITS if split not in datasets}
    ledger = read_ledger(ledger_folder)
    if ledger.runs[-1].class_names != names:
        raise InputError(
            f"{ledger_folder}: expected a ledger of the classes {list(names)}, received one of "
            f"{list(ledger.runs[-1].class_names)}. Name the ledger that the same run has written."
        )
    fold = read_run_record(outputs, ledger_folder).fold
    of_ledger = ledger_overview(ledger, fold)
    new_groups = of_ledger.changes.new_groups_of_class if of_ledger.changes else {}
    classes = [
        ClassSplit(
            name=name,
            images={split: datasets[split].counts[name] for split in SPLITS},
            groups=of_ledger.groups_of_class[name],
            new_groups=new_groups.get(name),
        )
        for name in names
    ]
    return SplitOverview(datasets, tuple(sorted(classes, key=lambda of_class: -of_class.total)), of_ledger, fold)


def ledger_overview(ledger: Ledger, fold: int | None = None) -> LedgerOverview:
    """Sums a ledger up.

    Args:
        ledger: To sum up.
        fold: Which fold validates; by default all folds count as train, and moves between them are told as such.

    Returns:
        The overview.
    """
    last = len(ledger.runs) - 1
    run = ledger.runs[last]
    splits, present = ledger.splits(), ledger.numbers("last_run") == last
    if fold is not None:
        splits[ledger.numbers("fold") == fold] = VALIDATION
    groups: dict[Split, int] = {}
    of_class: dict[str, dict[Split, int]] = {name: {} for name in run.class_names}
    for number, split in enumerate(SPLITS):
        chosen = present & (splits == number)
        groups[split] = int(chosen.sum())
        of_label = groups_per_label(ledger, chosen)
        for name, per_split in of_class.items():
            per_split[split] = of_label[name]
    return LedgerOverview(
        class_names=run.class_names,
        groups=groups,
        groups_of_class=dict(sorted(of_class.items(), key=lambda item: -sum(item[1].values()))),
        gone=len(ledger.table) - sum(groups.values()),
        runs=len(ledger.runs),
        date=run.date,
        folds=ledger.folds,
        changes=changes(ledger, fold),
    )
