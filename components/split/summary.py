"""What split says in the end: to people as a table, to KFP as metadata."""

from typing import Any

from components._progress import say
from components.formats.dataset import Dataset
from components.split.assignment import SPLITS
from components.split.split_datasets import SplitDatasets


def say_summary(split: SplitDatasets, elapsed_s: float) -> None:
    """Prints a table of images per class and split, and which classes are too small."""
    for name, groups in split.small_classes.items():
        missing = " and ".join(["validation", "test", "train"][: len(SPLITS) - groups][::-1])
        say("split", f"warning: class {name!r} has groups of near-duplicates: {groups}, none for {missing}; add images")
    width = max(len(name) for name in ("all classes", *split.of["train"].class_names))
    say("split", f"{'class':{width}}  " + "  ".join(f"{name:>10}" for name in SPLITS))
    for name in split.of["train"].class_names:
        say("split", f"{name:{width}}  " + "  ".join(f"{split.of[s].counts[name]:10d}" for s in SPLITS))
    say("split", f"{'all classes':{width}}  " + "  ".join(f"{split.of[s].rows:10d}" for s in SPLITS))
    rows = sum(dataset.rows for dataset in split.of.values())
    say("split", f"{rows} images of {split.groups} groups, {elapsed_s:.1f} s ({rows / elapsed_s:.0f} images/s)")


def metadata(dataset: Dataset) -> dict[str, Any]:
    """Describes one split for KFP."""
    return {"rows": dataset.rows, "counts": dataset.counts, "digest": dataset.digest}
