"""One split of a folder of photographs for all sides of a benchmark, made by Scenery's own ingest and split."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from components.formats.dataset import ENCODED, ID, LABEL, Dataset, read_dataset
from components.formats.tensors import read_examples

SPLITS = ("train", "validation", "test")


def split_photographs(
    data: Path | None, work: Path, images_per_class: int | None = None, seed: int = 0
) -> dict[str, Path]:
    """Ingests and splits photographs with default parameters but for the seed.

    Args:
        data: A folder of class folders; None draws the project's own sample.
        work: An empty folder to work in.
        images_per_class: How many of each class to take, the first by name; None takes all.
        seed: Of the split.

    Returns:
        By split, a dataset folder of examples.
    """
    if data is None:
        data = work / "sample"
        _run("pipelines.cli", "sample", data)
    if images_per_class:
        data = _first_of_each_class(data, work / "photographs", images_per_class)
    folders = {split: work / split for split in SPLITS}
    flags = [word for split, folder in folders.items() for word in (f"--{split}", folder)]
    _run("components.ingest", "--source", data, "--images", work / "images", "--report", work / "ingest")
    drawn = ["--images", work / "images", "--seed", seed]
    _run("components.split", *drawn, *flags, "--ledger", work / "ledger", "--report", work / "how")
    return folders


def write_class_folders(examples: Path, folder: Path) -> Dataset:
    """Writes a dataset's JPEG files into a folder for each class, named by its label so that they sort as labels do."""
    dataset = read_dataset(examples, "examples")
    for label in range(len(dataset.class_names)):
        (folder / f"{label:04d}").mkdir(parents=True)
    for row in _rows(examples, dataset):
        (folder / f"{row[LABEL]:04d}" / f"{row[ID].decode()}.jpg").write_bytes(row[ENCODED])
    return dataset


def _rows(examples: Path, dataset: Dataset) -> Iterator[dict]:
    return read_examples(examples, dataset).as_numpy_iterator()


def _first_of_each_class(data: Path, folder: Path, images_per_class: int) -> Path:
    for of_class in sorted(path for path in data.iterdir() if path.is_dir()):
        (folder / of_class.name).mkdir(parents=True)
        for file in sorted(of_class.iterdir())[:images_per_class]:
            shutil.copy(file, folder / of_class.name)
    return folder


def _run(module: str, *arguments: object) -> None:
    subprocess.run([sys.executable, "-m", module, *map(str, arguments)], check=True, stdout=subprocess.DEVNULL)
