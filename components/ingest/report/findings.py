"""What stands out in a dataset, in words: the same for the page and for the terminal."""

from collections.abc import Iterator, Mapping

from components._text import Finding, counted, listed, percent, ratio
from components.ingest.rejected import MANY_REJECTED
from components.ingest.report.overview import Overview
from components.ingest.source.class_map import ClassMap

_SPLITS = 3
_IMBALANCED = 10  # images of the largest class for each of the smallest


def findings(overview: Overview) -> tuple[Finding, ...]:
    """Returns what stands out, problems first; sections are those of the page."""
    return tuple(sorted(_findings(overview), key=lambda finding: not finding.is_problem))


def _findings(overview: Overview) -> Iterator[Finding]:
    yield from _of_classes(overview)
    yield from _of_labels(overview)
    yield from _of_folders(overview.folders)
    if keys := overview.group_keys:
        yield Finding(f"{counted(keys, 'group')} of your own: their images never part.", "classes", is_problem=False)
    if flagged := overview.flagged:
        kinds = ", ".join(f"{outliers.images:,} {outliers.flag}" for outliers in overview.outliers)
        share = percent(flagged / overview.dataset.rows)
        text = f"{counted(flagged, 'image')} ({share}) of doubtful quality: {kinds}."
        yield Finding(text, "quality", is_problem=False)
    if rejected := overview.rejections.files:
        kinds = ", ".join(f"{kind.files:,} {kind.kind}" for kind in overview.rejections.kinds)
        of_all = rejected / (rejected + overview.dataset.rows)
        text = f"{counted(rejected, 'file')} ({percent(of_all)}) rejected: {kinds}."
        yield Finding(text, "rejected", is_problem=of_all > MANY_REJECTED)


def _of_classes(overview: Overview) -> Iterator[Finding]:
    largest, smallest = overview.classes[0], overview.classes[-1]
    if few := [of_class.name for of_class in overview.classes if of_class.groups < _SPLITS]:
        text = f"Too few groups for train, validation and test; add images that differ: {listed(few)}."
        yield Finding(text, "classes")
    if overview.imbalance >= _IMBALANCED:
        text = f"{largest.name} has {ratio(overview.imbalance)} times as many images as {smallest.name}."
        yield Finding(text, "classes")


def _of_folders(folders: ClassMap) -> Iterator[Finding]:
    for line in folders.unused:
        yield Finding(line, "classes")
    if folders.renamed:
        renames = [f"{folder} is {name}" for folder, name, _ in folders.renamed]
        text = f"{counted(len(renames), 'folder')} renamed or merged: {listed(renames)}."
        yield Finding(text, "classes", is_problem=False)
    if folders.unknown:
        text = f"{counted(len(folders.unknown), 'unknown class', 'unknown classes')} merged into other"
        yield Finding(f"{text}: {_with_files(folders.unknown)}.", "classes", is_problem=False)
    if folders.ignored:
        text = f"{counted(len(folders.ignored), 'folder')} ignored: {_with_files(folders.ignored)}."
        yield Finding(text, "classes", is_problem=False)


def _with_files(counts: Mapping[str, int]) -> str:
    return listed([f"{name} ({counted(files, 'file')})" for name, files in counts.items()])


def _of_labels(overview: Overview) -> Iterator[Finding]:
    if conflicts := overview.rejections.conflict_count:
        yield Finding(f"{counted(conflicts, 'image')} came under several labels.", "conflicts")
    if alike := overview.clusters.label_conflicts:
        text = f"{counted(alike, 'cluster')} of near-duplicates under several labels: one of them may be wrong."
        yield Finding(text, "clusters")
    if tied := overview.clusters.tied_keys:
        text = f"{counted(tied, 'cluster')} of near-duplicates tied several groups of your own together."
        yield Finding(text, "clusters")
