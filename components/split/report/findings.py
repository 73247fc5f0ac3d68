"""What stands out in a split, in words: the same for the page and for the terminal."""

from collections.abc import Iterator

from components._text import Finding, counted, listed, percent
from components.split.assignment import SPLITS
from components.split.changes import Changes
from components.split.report.overview import ClassSplit, SplitOverview

_OFF_QUOTA = 0.05  # share of a class's images more or less than of all images
_EXCHANGED = 0.5  # share of the groups before that have gone, and as many come
_OFF_IMAGES = 2  # fewer lie within what one group weighs


def findings(overview: SplitOverview) -> tuple[Finding, ...]:
    """Returns what stands out, problems first; sections are those of the page."""
    found = [*_of_classes(overview), *(_of_changes(overview.ledger.changes) if overview.ledger.changes else ())]
    return tuple(sorted(found, key=lambda finding: not finding.is_problem))


def _of_classes(overview: SplitOverview) -> Iterator[Finding]:
    if missing := [text for of_class in overview.classes for text in _missing(of_class)]:
        yield Finding(f"Not in every split: {listed(missing)}.", "classes")
    if off := [text for of_class in overview.classes for text in _off_quota(of_class, overview)]:
        yield Finding(f"Off the overall shares: {listed(off)}.", "classes", is_problem=False)


def _missing(of_class: ClassSplit) -> Iterator[str]:
    if splits := [split for split in SPLITS if not of_class.images[split]]:
        groups = counted(sum(of_class.groups.values()), "group")
        yield f"{of_class.name} (none in {' and '.join(splits)}, {groups} in all)"


def _off_quota(of_class: ClassSplit, overview: SplitOverview) -> Iterator[str]:
    for split in SPLITS[1:]:
        share, overall = of_class.share(split), overview.share(split)
        if of_class.images[split] and abs(share - overall) > max(_OFF_QUOTA, _OFF_IMAGES / of_class.total):
            yield f"{of_class.name} ({percent(share)} in {split}, overall {percent(overall)})"


def _of_changes(changes: Changes) -> Iterator[Finding]:
    yield from _of_exchange(changes)
    if changes.moved:
        text = f"{counted(len(changes.moved), 'group')} had to move: new images tie them to groups of another split."
        yield Finding(text, "changes")
    for what, names in (("New", changes.new_classes), ("Vanished", changes.vanished_classes)):
        if names:
            yield Finding(f"{what} classes: {listed(names)}.", "changes")
    yield Finding(f"{changes.in_words} since {changes.previous_date}.", "changes", is_problem=False)


def _of_exchange(changes: Changes) -> Iterator[Finding]:
    """Most groups of a set that only grows are known; where they are not, the same pictures may have new bytes."""
    before = changes.vanished_groups + changes.kept_groups
    if min(changes.vanished_groups, changes.new_groups) >= _EXCHANGED * before:
        yield Finding(
            f"Most images are new: {changes.vanished_groups:,} of {before:,} groups have gone since "
            f"{changes.previous_date}, {changes.new_groups:,} have come. If these are the same pictures saved again, "
            "some that were in test may train now: go back to the files as they were, or keep what belongs together by "
            "keys (--group-pattern of ingest).",
            "changes",
        )
