"""Who goes where in this run, and the ledger that says so to the next. Pure: values in, values out."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from components._errors import InputError
from components._text import visible
from components.split.assignment import NONE, TEST, TRAIN, VALIDATION, Codes, Groups, assign, groups_of
from components.split.folds import deal_folds
from components.split.image_rows import ImageRows, Integers
from components.split.kinship import Kin, find_kin
from components.split.ledger import Ledger, Run
from components.split.next_ledger import next_table
from components.split.parameters import SplitParameters
from components.split.tally import tally_of


@dataclass(frozen=True)
class Decision:
    """What a run has decided.

    Attributes:
        splits: Of each of its groups as an index into SPLITS, int8 [groups].
        labels: Of most images of each group, as an index into the class names in sorted order, int64 [groups].
        ledger: The next ledger; the previous one itself where this run repeats its last.
    """

    splits: Codes
    labels: Integers
    ledger: Ledger


def decide(rows: ImageRows, previous: Ledger | None, run: Run, parameters: SplitParameters) -> Decision:
    """Assigns groups to splits as the ledger has it, and as the quotas have it for groups that are new.

    Args:
        rows: Of this run; no two groups share an image, a key or a perceptual hash.
        previous: The ledger so far; None for the first run.
        run: This run.
        parameters: Fractions, seed and folds.

    Returns:
        The splits and the next ledger.

    Raises:
        InputError: If the ledger is for other folds, or classes are new or gone and may not be.
    """
    if previous:
        _check_folds(previous, parameters)
        _check_classes(previous.runs[-1], run, parameters)
    kin = find_kin(rows, previous)
    labels = _sorted_labels(rows, run)
    groups = groups_of(rows.group_names, rows.groups, labels)
    splits = assign(groups, parameters, kin.splits(previous)[kin.of_group])
    of_kin, folds = kin.splits(previous), np.full(len(kin.names), NONE, np.int8)
    if parameters.folds:
        # Without its folds, validation is a part of what they are dealt from.
        splits[splits == VALIDATION] = TRAIN
    of_kin[kin.of_group] = splits
    if parameters.folds:
        folds = _folds(kin, groups_of(kin.names, kin.of_group[rows.groups], labels), of_kin, previous, parameters)
        splits[folds[kin.of_group] == parameters.fold] = VALIDATION
    if previous and previous.runs[-1].repeats(run):
        return Decision(splits, groups.labels, previous)
    table = next_table(rows, previous, kin, of_kin, folds, run)
    runs = (*(previous.runs if previous else ()), run)
    ledger = Ledger(table, runs, parameters.folds)
    return Decision(splits, groups.labels, replace(ledger, tally=tally_of(rows, previous, kin, ledger)))


def _sorted_labels(rows: ImageRows, run: Run) -> Integers:
    """Returns the labels of all rows as indices into the class names in sorted order."""
    names = sorted(run.class_names)
    return np.array([names.index(name) for name in run.class_names])[rows.labels]


def _folds(kin: Kin, merged: Groups, splits: Codes, previous: Ledger | None, parameters: SplitParameters) -> Codes:
    """Deals folds to what belongs together, whether or not its tie is still there; returns them per kin.

    What new images tie together of several folds goes to the smallest. Whichever it goes to, the run that validates on
    another trains from now on on what it validated on: that can't be avoided, so the ledger says so (`fold_moves`). It
    can't be the fold of the run at hand either, as the runs of all folds must come to one ledger, whichever is first.
    """
    known = np.full(len(kin.names), parameters.folds, np.int8)
    if previous:
        folds = previous.numbers("fold").astype(np.int8)
        np.minimum.at(known, kin.of_entry[folds != NONE], folds[folds != NONE])
    known[known == parameters.folds] = NONE
    known[kin.splits(previous) == TEST] = NONE
    cut = np.flatnonzero(kin.is_present & (splits != TEST))
    groups = Groups(merged.ids.take(cut), merged.labels[cut], merged.sizes[cut])
    dealt = np.full(len(kin.names), NONE, np.int8)
    dealt[cut] = deal_folds(groups, parameters.folds, parameters.seed, known[cut])
    return dealt


def parameters_digest(parameters: SplitParameters) -> str:
    """Sha256 of the parameters that decide what the ledger holds: equal for all folds of one cut."""
    deciding = parameters.model_dump_json(exclude={"fold", "class_changes"})
    return hashlib.sha256(deciding.encode()).hexdigest()


def _check_folds(ledger: Ledger, parameters: SplitParameters) -> None:
    if ledger.folds != parameters.folds:
        raise InputError(
            f"--folds: expected {ledger.folds}, as in the runs that wrote the ledger. Received: {parameters.folds}. "
            "Name another ledger for other folds: each would mix up what the other keeps apart."
        )


def _check_classes(before: Run, now: Run, parameters: SplitParameters) -> None:
    new = sorted(set(now.class_names) - set(before.class_names))
    gone = sorted(set(before.class_names) - set(now.class_names))
    if parameters.class_changes == "refuse" and (new or gone):
        raise InputError(
            f"--class-changes: expected the classes of the ledger's last run ({before.date}): "
            f"{_named(before.class_names)}. Received new ones: {_named(new) or 'none'}; gone: "
            f"{_named(gone) or 'none'}. Look for a renamed folder (--class-map of ingest gives it its old name); if "
            "the change is meant, use --class-changes allow."
        )


def _named(class_names: Iterable[str]) -> str:
    return ", ".join(map(visible, class_names))
