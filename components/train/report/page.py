"""A training as one page of HTML: its epochs, what it learned from each class, and what it was told to do."""

from io import BytesIO
from pathlib import Path

from PIL import Image

from components._page import jpeg_uri, render, write_page
from components._text import duration
from components.train.history import SAMPLES_FILE
from components.train.report.charts import charts
from components.train.report.findings import findings
from components.train.report.overview import TrainingOverview, read_overview

_CLASSES_LISTED = 500
_EPOCHS_LISTED = 300
_SAMPLES_WIDTH_PX = 1200
_QUALITIES = (80, 60, 40, 20)
_ENOUGH_BYTES = 400_000


def write_report(history: Path, report: Path) -> None:
    """Writes the page; the same history gives the same bytes, at most some 1 MB of them.

    Args:
        history: Folder written by train.
        report: The file to write.

    Raises:
        InputError: If `history` is not one that this version understands.
    """
    write_page(report, page(read_overview(history), samples_uri(history / SAMPLES_FILE)))


def page(overview: TrainingOverview, samples: str) -> str:
    """Returns the page as HTML.

    Args:
        overview: What it says.
        samples: The source of an <img> of augmented images; "" for none.
    """
    rows = overview.history.epochs
    every = -(-len(rows) // _EPOCHS_LISTED)
    return render(
        Path(__file__).with_name("report.html.j2"),
        overview=overview,
        history=overview.history,
        best=overview.best,
        findings=findings(overview),
        charts=charts(rows, overview.best_number - 1),
        epochs=[(n, row) for n, row in enumerate(rows, 1) if n % every == 0 or n == overview.best_number],
        every=every,
        samples=samples,
        classes_listed=_CLASSES_LISTED,
        duration=duration,
    )


def samples_uri(picture: Path) -> str:
    """Returns a picture, scaled down, as the source of an <img>; "" if there is none."""
    if not picture.is_file():
        return ""
    with Image.open(picture) as image:
        image.thumbnail((_SAMPLES_WIDTH_PX, _SAMPLES_WIDTH_PX), Image.Resampling.LANCZOS)
        for quality in _QUALITIES:
            stream = BytesIO()
            image.convert("RGB").save(stream, "JPEG", quality=quality)
            if stream.tell() <= _ENOUGH_BYTES:
                break
    return jpeg_uri(stream.getvalue())
