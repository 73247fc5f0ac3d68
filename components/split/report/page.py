"""The three datasets and the ledger as one page of HTML: who is where, and what changed since the last run."""

from collections.abc import Mapping
from pathlib import Path

from components._page import render, write_page
from components.split.assignment import SPLITS, Split
from components.split.report.findings import findings
from components.split.report.overview import SplitOverview, read_overview

_CLASSES_LISTED = 500
_MOVES_LISTED = 50


def write_report(outputs: Mapping[Split, Path], ledger_folder: Path, report: Path) -> None:
    """Writes the page; the same artifacts give the same bytes.

    Args:
        outputs: The folder of each split.
        ledger_folder: Of the same run.
        report: The file to write.

    Raises:
        InputError: If an artifact is missing, incomplete or of another run.
    """
    write_page(report, page(read_overview(outputs, ledger_folder)))


def page(overview: SplitOverview) -> str:
    """Returns the page as HTML."""
    return render(
        Path(__file__).with_name("report.html.j2"),
        overview=overview,
        ledger=overview.ledger,
        changes=overview.ledger.changes,
        splits=SPLITS,
        findings=findings(overview),
        classes=overview.classes[:_CLASSES_LISTED],
        moves_listed=_MOVES_LISTED,
    )
