"""What lies at a path, and how it is shown."""

import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from rich.console import Console

from components._errors import InputError
from components._objects import read_object, stat_object
from components._storage import local_path
from components._text import visible
from components.formats.dataset import MANIFEST
from components.ingest.report.overview import read_overview as read_images
from components.split.assignment import SPLITS
from components.split.ledger import LEDGER_FILE, parse_ledger
from components.split.report.overview import ledger_overview
from components.split.report.overview import read_overview as read_split
from components.train.history import HISTORY_FILE
from components.train.report.overview import read_overview as read_training
from pipelines.inspection.images import print_images
from pipelines.inspection.splits import print_examples, print_ledger, print_split
from pipelines.inspection.training import print_training
from pipelines.local.step import read_step_folders

_LISTED = 8
View = Callable[[Console], None]


def inspect(console: Console, place: str) -> None:
    """Prints what an artifact holds.

    Args:
        console: Where to.
        place: The path of a dataset's folder, a ledger or its folder, a training's history, the folder of ingest, split
            or train, or a whole run's; or the URI of a ledger.

    Raises:
        InputError: If it is something else, or damaged; UnreachableError if a bucket's failure may pass.
    """
    path = local_path(place)
    if path is None:
        _show_ledger_at(place, console)
        return
    views = list(_views(path))
    if not views:
        raise InputError(
            f"{path}: expected the folder of a dataset ({MANIFEST}), a ledger ({LEDGER_FILE}), a training's history "
            f"({HISTORY_FILE}), the folder that ingest, split or train wrote, or that of a run with them; found "
            f"{_found(path)}."
        )
    for number, view in enumerate(views):
        if number:
            console.print("\n")
        view(console)


def _views(path: Path) -> Iterator[View]:
    """Yields a way to show each artifact at a path: of a file that belongs to one, of it, of a step, of a run."""
    if path.name in (MANIFEST, HISTORY_FILE) and path.is_file():
        path = path.parent
    if path.suffix == ".parquet" and path.is_file():
        yield partial(_show_ledger, path)
    elif (path / MANIFEST).is_file():
        yield partial(_show_dataset, path)
    elif (path / LEDGER_FILE).is_file():
        yield partial(_show_ledger, path / LEDGER_FILE)
    elif (path / HISTORY_FILE).is_file():
        yield partial(_show_training, path)
    else:
        steps = read_step_folders(path)
        for step in (path, *(steps.get(name, path / name) for name in ("ingest", "split", "train"))):
            yield from _views_of_step(step)


def _views_of_step(folder: Path) -> Iterator[View]:
    if (folder / "images" / MANIFEST).is_file():
        yield partial(_show_dataset, folder / "images")
    if all((folder / split / MANIFEST).is_file() for split in SPLITS) and (folder / "ledger" / LEDGER_FILE).is_file():
        yield partial(_show_split, folder)
    if (folder / "history" / HISTORY_FILE).is_file():
        yield partial(_show_training, folder / "history")


def _show_dataset(folder: Path, console: Console) -> None:
    if _kind(folder / MANIFEST) == "examples":
        print_examples(console, folder)
    else:
        print_images(console, read_images(folder))


def _kind(manifest: Path) -> object:
    try:
        return json.loads(manifest.read_bytes())["kind"]
    except (ValueError, KeyError, TypeError):
        return None  # the reader of images says what is wrong with it


def _show_ledger(file: Path, console: Console) -> None:
    print_ledger(console, ledger_overview(parse_ledger(file.read_bytes(), str(file))))


def _show_ledger_at(uri: str, console: Console) -> None:
    if not uri.endswith(".parquet"):
        raise InputError(
            f"{uri}: expected a path on this machine, or a ledger in a bucket, such as gs://acme/{LEDGER_FILE}. Copy "
            "what else lies in a bucket here and inspect the copy."
        )
    print_ledger(console, ledger_overview(parse_ledger(read_object(stat_object(uri)), uri)))


def _show_split(folder: Path, console: Console) -> None:
    print_split(console, read_split({split: folder / split for split in SPLITS}, folder / "ledger"))


def _show_training(folder: Path, console: Console) -> None:
    print_training(console, read_training(folder))


def _found(path: Path) -> str:
    if not path.is_dir():
        return "a file of another kind" if path.exists() else "nothing"
    names = sorted(entry.name for entry in path.iterdir())
    more = [f"and {len(names) - _LISTED} more"] if len(names) > _LISTED else []
    return "a folder of " + (", ".join([*map(visible, names[:_LISTED]), *more]) or "nothing")
