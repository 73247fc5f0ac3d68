"""One `images` dataset as three datasets of examples, and the ledger of who went where."""

from collections import Counter
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from components._errors import InputError
from components._progress import with_progress
from components._storage import whole_folder
from components.formats.dataset import Dataset, read_dataset, write_dataset
from components.split.assignment import SPLITS, Group, Split, assign, small_classes
from components.split.example_shards import Place, shuffled_places, write_examples
from components.split.image_rows import ImageRow, groups_of, read_rows
from components.split.ledger import write_ledger
from components.split.parameters import SplitParameters


@dataclass(frozen=True)
class SplitDatasets:
    """What was written.

    Attributes:
        of: The manifest of each split; the same class names in the same order in all.
        small_classes: Number of groups of each class with too few to be in every split.
        groups: Number of groups.
    """

    of: Mapping[Split, Dataset]
    small_classes: Mapping[str, int]
    groups: int


def write_split_datasets(
    images: Path, outputs: Mapping[Split, Path], ledger: Path, parameters: SplitParameters, today: str
) -> SplitDatasets:
    """Splits a dataset of images; the same arguments give the same bytes.

    Args:
        images: Folder written by ingest.
        outputs: The folder to write for each split.
        ledger: The folder to write the ledger into.
        parameters: Fractions to hold out, and the seed of the draw and of the order of examples.
        today: YYYY-MM-DD, for the ledger.

    Returns:
        What was written.

    Raises:
        InputError: If `images` is no such dataset, or a split would be empty.
    """
    dataset = read_dataset(images, "images")
    members = list(read_rows(images, dataset, with_images=False))
    groups = groups_of(members)
    splits = assign(groups, parameters)
    _check_none_empty(groups, splits, images)
    with ExitStack() as unfinished:
        folders = {split: unfinished.enter_context(whole_folder(outputs[split])) for split in SPLITS}
        ledger_folder = unfinished.enter_context(whole_folder(ledger))
        of_split = {split: [row for row in members if splits[row.group] == split] for split in SPLITS}
        places = {
            split: shuffled_places(folders[split], split, [row.id for row in rows], parameters.seed)
            for split, rows in of_split.items()
        }
        everywhere = {image_id: place for of_one in places.values() for image_id, place in of_one.items()}
        rows = with_progress("split", read_rows(images, dataset, with_images=True), dataset.rows)
        write_examples(rows, everywhere, dataset.class_names)
        datasets = {split: _write_manifest(folders[split], dataset, of_split[split], places[split]) for split in SPLITS}
        write_ledger(ledger_folder, groups, splits, today)
    return SplitDatasets(datasets, small_classes(groups, dataset.class_names), len(groups))


def _write_manifest(folder: Path, images: Dataset, rows: list[ImageRow], places: Mapping[str, Place]) -> Dataset:
    count = Counter(row.label for row in rows)
    rows_of_shard = Counter(place.shard.name for place in places.values())
    counts = {name: count[name] for name in images.class_names}
    return write_dataset(folder, "examples", counts, rows_of_shard, images.shorter_side_px)


def _check_none_empty(groups: list[Group], splits: Mapping[str, Split], images: Path) -> None:
    if empty := [split for split in SPLITS if split not in splits.values()]:
        raise InputError(
            f"--images {images}: expected a class with at least {len(SPLITS)} groups of near-duplicates, so that no "
            f"split stays empty. Received {len(groups)} groups in all, and nothing is left for {' and '.join(empty)}. "
            "Add images that differ more, or ingest with a smaller --near-duplicate-distance."
        )
