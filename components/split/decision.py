"""Who goes where in this run, and the ledger that says so to the next. Pure: values in, values out."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from components._errors import InputError
from components.split.assignment import Group, Split, assign
from components.split.folds import deal_folds
from components.split.kinship import Kin, find_kin
from components.split.ledger import Entry, Ledger, Run
from components.split.parameters import SplitParameters


@dataclass(frozen=True)
class Decision:
    """What a run has decided.

    Attributes:
        splits: Of each of its groups, by id.
        ledger: The next ledger; the previous one itself where this run repeats its last.
    """

    splits: Mapping[str, Split]
    ledger: Ledger


def decide(groups: Sequence[Group], previous: Ledger | None, run: Run, parameters: SplitParameters) -> Decision:
    """Assigns groups to splits as the ledger has it, and as the quotas have it for groups that are new.

    Args:
        groups: Of this run; no two share an image, a key or a perceptual hash.
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
    kin = find_kin(groups, previous.entries if previous else ())
    splits = assign(groups, parameters, {group.id: one.split for one in kin if one.split for group in one.groups})
    folds: dict[str, int] = {}
    if parameters.folds:
        # Without its folds, validation is a part of what they are dealt from.
        splits = {group_id: "test" if split == "test" else "train" for group_id, split in splits.items()}
        folds = _folds([one for one in kin if one.groups and splits[one.groups[0].id] != "test"], parameters)
    ledger = _updated(previous, kin, splits, folds, run, parameters.folds)
    return Decision(splits | {name: "validation" for name, fold in folds.items() if fold == parameters.fold}, ledger)


def _folds(kin: Sequence[Kin], parameters: SplitParameters) -> dict[str, int]:
    """Deals folds to what belongs together, whether or not its tie is still there; returns them by group id."""
    known = {one.merged.id: one.fold for one in kin if one.fold is not None}
    dealt = deal_folds([one.merged for one in kin], parameters.folds, parameters.seed, known)
    return {group.id: dealt[one.merged.id] for one in kin if one.merged.id in dealt for group in one.groups}


def parameters_digest(parameters: SplitParameters) -> str:
    """Sha256 of the parameters that decide what the ledger holds: equal for all folds of one cut."""
    deciding = parameters.model_dump_json(exclude={"fold", "class_changes"})
    return hashlib.sha256(deciding.encode()).hexdigest()


def _updated(
    previous: Ledger | None,
    kin: Iterable[Kin],
    splits: Mapping[str, Split],
    folds: Mapping[str, int],
    run: Run,
    number_of_folds: int,
) -> Ledger:
    runs = previous.runs if previous else ()
    if previous and runs[-1].repeats(run):
        return previous
    entries: list[Entry] = []
    for one in kin:
        if not one.groups:
            entries += one.entries  # one: only groups tie entries together
            continue
        group = one.merged
        split, fold = splits[group.id], folds.get(group.id)
        if one.entries:
            entries.append(_known_entry(group, one.entries, split, fold, len(runs)))
        else:
            entries.append(_new_entry(group, split, fold, len(runs), run.date))
    return Ledger(sorted(entries, key=lambda entry: entry.group), (*runs, run), number_of_folds)


def _new_entry(group: Group, split: Split, fold: int | None, run: int, today: str) -> Entry:
    labels = sorted(group.counts)
    parts = (labels, labels, sorted(group.images), sorted(group.keys), sorted(group.hashes))
    return Entry(group.id, split, fold, today, *parts, run, run)


def _known_entry(group: Group, known: Sequence[Entry], split: Split, fold: int | None, run: int) -> Entry:
    """Makes one entry of what belongs together now and all that the ledger knows of it."""
    return Entry(
        group.id,
        split,
        fold,
        min(entry.first_seen for entry in known),
        sorted({*group.counts, *chain(*[entry.labels for entry in known])}),
        sorted(group.counts),
        sorted({*group.images, *chain(*[entry.images for entry in known])}),
        sorted({*group.keys, *chain(*[entry.keys for entry in known])}),
        sorted({*group.hashes, *chain(*[entry.hashes for entry in known])}),
        min(entry.first_run for entry in known),
        run,
        *_move(split, known, run),
    )


def _move(split: Split, known: Sequence[Entry], run: int) -> tuple[Split | None, int | None]:
    """Returns from where and in which run a group last had to move, if ever."""
    left = {entry.split for entry in known if entry.split != split}
    if left:
        # That some of it trained is what earlier models are to be judged by.
        return "train" if "train" in left else "validation", run
    moved = [(entry.moved_run, entry.moved_from) for entry in known if entry.moved_run is not None]
    latest = max(moved, default=(None, None))
    return latest[1], latest[0]


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
            f"{', '.join(before.class_names)}. Received new ones: {', '.join(new) or 'none'}; gone: "
            f"{', '.join(gone) or 'none'}. Look for a renamed folder (--class-map of ingest gives it its old name); if "
            "the change is meant, use --class-changes allow."
        )
