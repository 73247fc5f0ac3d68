"""What ingest says in the end: to people as lines, to KFP as metadata."""

from typing import Any

from components._progress import say
from components._text import counted
from components.ingest.image_dataset import Ingested
from components.ingest.rejected import MANY_REJECTED


def say_summary(ingested: Ingested, elapsed_s: float) -> None:
    """Prints what became of folders, images per class, the first rejected files, and the totals."""
    dataset, rejected, classes = ingested.dataset, ingested.rejected, ingested.classes
    for line in classes.unused:
        say("ingest", f"warning: {line}")
    for folder, name, files in classes.renamed:
        say("ingest", f"folder {folder!r} is class {name!r}: {counted(files, 'file')}")
    for folder, files in classes.ignored.items():
        say("ingest", f"folder {folder!r} is ignored: {counted(files, 'file')}")
    for name, files in classes.unknown.items():
        say("ingest", f"class {name!r} is not in class_names and goes to 'other': {counted(files, 'file')}")
    for name, count in dataset.counts.items():
        say("ingest", f"  {count:6d}  {name}")
    for file in rejected.first:
        say("ingest", f"rejected {file.source_uri}: {file.reason}")
    if more := rejected.number - len(rejected.first):
        say("ingest", f"rejected {more} more, see rejected.jsonl")
    if rejected.number > MANY_REJECTED * (files := dataset.rows + rejected.number):
        say("ingest", f"warning: {rejected.number} of {files} files ({rejected.number / files:.0%}) were rejected")
    totals = (
        f"{dataset.rows} images in {len(dataset.counts)} classes, {rejected.number} rejected, "
        f"{ingested.groups} groups, {ingested.flagged} flagged"
    )
    say("ingest", f"{totals}, {elapsed_s:.1f} s ({dataset.rows / elapsed_s:.0f} images/s)")


def metadata(ingested: Ingested) -> dict[str, Any]:
    """Describes the dataset for KFP; `groups` counts images like no other as groups of one."""
    dataset = ingested.dataset
    return {
        "rows": dataset.rows,
        "classes": len(dataset.class_names),
        "counts": dataset.counts,
        "rejected": ingested.rejected.number,
        "groups": ingested.groups,
        "flagged": ingested.flagged,
        "digest": dataset.digest,
    }
