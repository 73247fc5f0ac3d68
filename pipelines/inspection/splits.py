"""What split wrote, in the terminal: the three datasets, the ledger, and one dataset alone."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from rich.console import Console
from rich.text import Text

from components._text import counted, percent, ratio
from components.formats.dataset import read_dataset
from components.split.assignment import SPLITS, Split
from components.split.changes import Changes
from components.split.report.findings import findings
from components.split.report.overview import ClassSplit, LedgerOverview, SplitOverview
from pipelines.inspection.text import bar, name, print_head, print_heading, print_line, stacked_bar, table

_BAR_WIDTH = 24
_STACK_WIDTH = 10
_PART: Mapping[Split, tuple[str, str]] = {"train": ("█", "blue"), "validation": ("▒", "yellow"), "test": ("░", "red")}
_MOVES_LISTED = 20


def print_split(console: Console, overview: SplitOverview) -> None:
    """Prints all that the page shows."""
    groups = counted(sum(overview.ledger.groups.values()), "group")
    fold = "" if overview.fold is None else f", fold {overview.fold} of {overview.ledger.folds} validates"
    summary = f"{counted(overview.rows, 'image')} in {groups}{fold}"
    print_head(console, "Train, validation and test", summary, findings(overview))
    _print_shares(console, overview)
    _print_groups(console, overview.ledger)
    _print_changes(console, overview.ledger)


def print_ledger(console: Console, ledger: LedgerOverview) -> None:
    """Prints what a ledger says without the datasets."""
    folds = f", {ledger.folds} folds" if ledger.folds else ""
    groups = counted(sum(ledger.groups.values()), "group")
    summary = f"{groups} after {counted(ledger.runs, 'run')}, the last on {ledger.date}{folds}"
    print_head(console, "Ledger", summary, ())
    _print_groups(console, ledger)
    _print_changes(console, ledger)


def print_examples(console: Console, folder: Path) -> None:
    """Prints the classes of one dataset for training, validation or test.

    Raises:
        InputError: If it is incomplete or altered.
    """
    dataset = read_dataset(folder, "examples")
    shards = counted(len(dataset.shards), "shard")
    print_head(console, "Examples", f"{counted(dataset.rows, 'image')} in {shards}", ())
    counts = sorted(dataset.counts.items(), key=lambda item: -item[1])
    classes = table("class", "images", "share", "")
    for label, images in counts:
        length = bar(images / max(counts[0][1], 1), _BAR_WIDTH)
        classes.add_row(name(label), f"{images:,}", percent(images / max(dataset.rows, 1)), length)
    print_heading(console, "Classes, the largest first")
    console.print(classes)


def _print_shares(console: Console, overview: SplitOverview) -> None:
    print_heading(console, "Images", "  ".join(f"{_PART[split][0]} {split}" for split in SPLITS))
    shares = table("class", "", *(title for split in SPLITS for title in (split, "share")))
    for row in overview.classes:
        shares.add_row(name(row.name), _stack(row), *_numbers(row, row.images))
    of_all = {split: overview.datasets[split].rows for split in SPLITS}
    shares.add_row("all classes", _stack(overview), *_numbers(overview, of_all), style="bold")
    ratios = (cell for split in SPLITS for cell in (ratio(overview.imbalance(split)), "to 1"))
    shares.add_row("imbalance", "", *ratios, style="dim")
    console.print(shares)


def _stack(of: ClassSplit | SplitOverview) -> Text:
    return stacked_bar(((of.share(split), *_PART[split]) for split in SPLITS), _STACK_WIDTH)


def _numbers(of: ClassSplit | SplitOverview, images: Mapping[Split, int]) -> Iterator[str]:
    for split in SPLITS:
        yield f"{images[split]:,}"
        yield percent(of.share(split))


def _print_groups(console: Console, ledger: LedgerOverview) -> None:
    print_heading(console, "Groups")
    groups = table("class", *SPLITS, *(["new"] if ledger.changes else []))
    for label, per_split in ledger.groups_of_class.items():
        new = [f"{ledger.changes.new_groups_of_class[label]:,}"] if ledger.changes else []
        groups.add_row(name(label), *(f"{per_split[split]:,}" for split in SPLITS), *new)
    new = [f"{ledger.changes.new_groups:,}"] if ledger.changes else []
    groups.add_row("all classes", *(f"{ledger.groups[split]:,}" for split in SPLITS), *new, style="bold")
    console.print(groups)


def _print_changes(console: Console, ledger: LedgerOverview) -> None:
    if not ledger.changes:
        print_heading(console, "What changed", "nothing to compare with: a new ledger began with this data")
        return
    changes = ledger.changes
    print_heading(console, "What changed", f"since the run of {changes.previous_date}")
    print_line(console, changes.in_words)
    print_line(console, f"new classes: {', '.join(changes.new_classes) or 'none'}")
    print_line(console, f"vanished classes: {', '.join(changes.vanished_classes) or 'none'}")
    _print_moves(console, changes)
    if ledger.gone:
        print_line(console, f"the ledger also keeps {counted(ledger.gone, 'group')} that only earlier runs had")


def _print_moves(console: Console, changes: Changes) -> None:
    print_line(console, f"moved groups: {len(changes.moved) or 'none'}")
    for move in changes.moved[:_MOVES_LISTED]:
        print_line(console, f"{move.from_split} → {move.to_split}  {move.group}", indent=4)
    if len(changes.moved) > _MOVES_LISTED:
        print_line(console, f"and {len(changes.moved) - _MOVES_LISTED:,} more", indent=4, style="dim")
