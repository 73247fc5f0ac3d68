"""An `images` dataset as one page of HTML: how many, how large, how alike, how good, and what was left out."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from components._page import render, write_page
from components.ingest.report.columns import Picture
from components.ingest.report.findings import findings
from components.ingest.report.overview import Overview, read_overview
from components.ingest.report.size_chart import size_chart
from components.ingest.report.thumbnails import thumbnails

_CLASSES_LISTED = 500


def write_report(images: Path, report: Path) -> None:
    """Writes the page; the same dataset gives the same bytes, at most some 3 MB of them.

    Args:
        images: Folder written by ingest.
        report: The file to write.

    Raises:
        InputError: If `images` is no such dataset, or incomplete.
    """
    overview = read_overview(images)
    write_page(report, page(overview, thumbnails(images, overview.dataset, pictures(overview))))


def pictures(overview: Overview) -> Iterator[Picture]:
    """Yields the rows that the page shows as pictures."""
    for of_class in overview.classes:
        yield from of_class.samples
    for cluster in overview.clusters.shown:
        yield from cluster.pictures
    for outliers in overview.outliers:
        yield from (outlier.picture for outlier in outliers.worst)


def page(overview: Overview, thumbnail_at: Mapping[int, str]) -> str:
    """Returns the page as HTML.

    Args:
        overview: What it says.
        thumbnail_at: By row, the source of an <img>, for each of `pictures`.
    """
    return render(
        Path(__file__).with_name("report.html.j2"),
        overview=overview,
        findings=findings(overview),
        classes=overview.classes[:_CLASSES_LISTED],
        chart=size_chart(overview.sizes),
        thumbnail_at=thumbnail_at,
    )
