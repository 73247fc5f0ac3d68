"""What split says in the end: to people as a table, to KFP as metadata."""

from typing import Any

from components._progress import say
from components._text import counted, visible
from components.formats.dataset import Dataset
from components.split.assignment import SPLITS
from components.split.changes import Changes
from components.split.split_datasets import SplitDatasets


def say_summary(split: SplitDatasets, elapsed_s: float) -> None:
    """Prints a table of images per class and split, which classes are too small, and what has changed."""
    names = split.of["train"].class_names
    for name in names:
        if missing := " and ".join(s for s in SPLITS if not split.of[s].counts[name]):
            groups = f"class {name!r} has groups of near-duplicates: {split.groups[name]}"
            say("split", f"warning: {groups}, none for {missing}; add images")
    width = max(len(name) for name in ("all classes", *names))
    say("split", f"{'class':{width}}  " + "  ".join(f"{name:>10}" for name in SPLITS))
    for name in names:
        say("split", f"{name:{width}}  " + "  ".join(f"{split.of[s].counts[name]:10d}" for s in SPLITS))
    say("split", f"{'all classes':{width}}  " + "  ".join(f"{split.of[s].rows:10d}" for s in SPLITS))
    if split.changes:
        _say_changes(split.changes)
    else:
        say("split", "no earlier run to compare with: the ledger begins with this data")
    rows, groups_in_all = sum(dataset.rows for dataset in split.of.values()), sum(split.groups.values())
    say("split", f"{rows} images of {groups_in_all} groups, {elapsed_s:.1f} s ({rows / elapsed_s:.0f} images/s)")


def _say_changes(changes: Changes) -> None:
    """Prints what is new, gone and moved since the run before."""
    moved = f"{counted(len(changes.moved), 'group')} moved"
    say("split", f"since the run of {changes.previous_date}: {changes.in_words}, {moved}")
    for move in changes.moved:
        say(
            "split", f"moved from {move.from_split} to {move.to_split}, tied by new images: group {visible(move.group)}"
        )
    for what, names in (("new", changes.new_classes), ("gone", changes.vanished_classes)):
        if names:
            say("split", f"classes {what}: {', '.join(visible(name) for name in names)}")


def metadata(dataset: Dataset) -> dict[str, Any]:
    """Describes one split for KFP."""
    return {"rows": dataset.rows, "counts": dataset.counts, "digest": dataset.digest}


def ledger_metadata(split: SplitDatasets, ledger_uri: str, ledger_digest: str) -> dict[str, Any]:
    """Describes the ledger for KFP: what changed, if there was a run before, as far as the ledger knows."""
    groups = sum(split.groups.values())
    described: dict[str, Any] = {"groups": groups, "ledger_uri": ledger_uri, "ledger_digest": ledger_digest}
    if now := split.changes:
        described |= {
            "previous_date": now.previous_date,
            "new_images": now.new_images,
            "vanished_images": now.vanished_images,
            "new_groups": now.new_groups,
            "vanished_groups": now.vanished_groups,
            "moved_groups": len(now.moved),
            "new_classes": list(now.new_classes),
            "vanished_classes": list(now.vanished_classes),
        }
    return {name: value for name, value in described.items() if value is not None}
