"""What splitting costs: deciding on a million images, and writing examples next to copying files.

The peer of the writing is `shutil.copyfile` of the same shards on the same disk, one process, each copy flushed
to disk (fsync) like everything that split writes. The whole step does more in that time: it checks the checksum of
every shard it reads, decides, and checksums every shard it has written. So reading the images and writing their
records, flushed as well, is shown by itself too.

    python -m tests.benchmarks.splits [--images 20000] [--repeats 3] [--rows 1000000]
"""

import argparse
import gc
import hashlib
import json
import os
import shutil
import tempfile
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from components.formats.dataset import MANIFEST, Dataset, write_dataset
from components.formats.records import IMAGE_SCHEMA
from components.split.assignment import SPLITS, Split
from components.split.decision import decide, parameters_digest
from components.split.example_shards import flush, place_records, write_examples
from components.split.image_rows import ImageRows, read_rows
from components.split.jpegs import read_jpegs
from components.split.ledger import Run
from components.split.parameters import SplitParameters
from components.split.split_datasets import write_split_datasets
from tests.benchmarks.timing import median_seconds

CLASSES = tuple(f"class {number}" for number in range(9))
MEAN_IMAGE_BYTES = 40_000  # of a colour photograph with a shorter side of 256 pixels
SHARD_ROWS = 2048
KEYS = pa.list_(pa.string())


def write_images(folder: Path, images: int) -> None:
    """Writes a dataset of random bytes in the shape of images: split looks into none."""
    rng = np.random.default_rng(0)
    rows_of_shard = {}
    for first in range(0, images, SHARD_ROWS):
        name = f"images-{first // SHARD_ROWS:05d}.parquet"
        numbers = range(first, min(first + SHARD_ROWS, images))
        rows = [_row(number, rng.bytes(int(rng.normal(1, 0.2) * MEAN_IMAGE_BYTES))) for number in numbers]
        table = pa.Table.from_pylist(rows, IMAGE_SCHEMA)
        pq.write_table(table, folder / name, row_group_size=256, compression="none", use_dictionary=["label"])
        rows_of_shard[name] = len(rows)
    counts = {name: len(range(label, images, len(CLASSES))) for label, name in enumerate(CLASSES)}
    write_dataset(folder, "images", counts, rows_of_shard, 256)


def _row(number: int, jpeg: bytes) -> dict[str, object]:
    row: dict[str, object] = {field.name: 0 for field in IMAGE_SCHEMA}
    image_id = hashlib.sha256(jpeg).hexdigest()
    texts = {"id": image_id, "label": CLASSES[number % len(CLASSES)], "source_uri": str(number), "group": image_id}
    return (
        row
        | texts
        | {"image": jpeg, "image_bytes": len(jpeg), "group_keys": [], "perceptual_hash": number, "quality_flags": []}
    )


def split(images: Path, work: Path) -> None:
    """Runs split on it."""
    outputs: dict[Split, Path] = {name: work / name for name in SPLITS}
    write_split_datasets(images, outputs, work / "ledger", SplitParameters(), "2024-02-29")


def write_records(images: Path, work: Path) -> None:
    """Reads the images and writes their records into one split, flushed to disk."""
    folder = _new(work / "records")
    dataset = Dataset.model_validate_json((images / MANIFEST).read_bytes())
    rows = read_rows(images, dataset)
    places = place_records({"train": folder}, {"train": np.arange(dataset.rows)}, rows, dataset.class_names, 0)
    jpegs = read_jpegs(images, dataset, rows.image_bytes)
    deque(write_examples(jpegs, rows, places, dataset.class_names), maxlen=0)
    flush(places.files)


def _new(folder: Path) -> Path:
    folder.mkdir()
    return folder


def seconds_of(peer: Callable[[Path, Path], None], work: Path) -> float:
    """Measures a peer alone, without the removal of what the one before it has written."""
    for folder in work.iterdir():
        if folder.name != "images":
            shutil.rmtree(folder)
    began_s = time.perf_counter()
    peer(work / "images", work)
    return time.perf_counter() - began_s


def copy(images: Path, work: Path) -> None:
    """Copies the same shards, flushed to disk."""
    folder = _new(work / "copy")
    for shard in read_names(images):
        shutil.copyfile(images / shard, folder / shard)
        descriptor = os.open(folder / shard, os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)


def read_names(images: Path) -> list[str]:
    """Returns the shards' file names."""
    return sorted(file.name for file in images.glob("*.parquet"))


def million_rows(rows: int) -> ImageRows:
    """Makes rows in about a third as many groups."""
    rng = np.random.default_rng(0)
    ids = pa.array([hashlib.sha256(str(number).encode()).hexdigest() for number in range(rows)])
    groups = rows * 35 // 100
    members = np.concatenate([np.arange(groups), rng.integers(0, groups, rows - groups)])
    keys = pa.array([[f"listing {number}"] if number % 3 == 0 else [] for number in members.tolist()], KEYS)
    of_group = rng.integers(0, 2**64, groups, np.uint64)
    hashes = of_group[members] ^ rng.integers(0, 4, rows, np.uint64)  # a few of each group, and none near two
    labels = rng.integers(0, len(CLASSES), rows)
    return ImageRows(ids, labels, ids[:groups], members, keys, hashes, np.ones(rows, np.int64), 4)


def decision_seconds(rows: int) -> dict[str, float]:
    """Measures the decision on a first run, on one that finds the first's ledger, and with five folds."""
    gc.disable()  # as the step does
    images = million_rows(rows)
    seconds = {}
    for name, parameters in {"quotas": SplitParameters(), "five_folds": SplitParameters(folds=5)}.items():
        run = Run(images="1", date="2024-02-29", class_names=CLASSES, parameters=parameters_digest(parameters))
        began_s = time.perf_counter()
        ledger = decide(images, None, run, parameters).ledger
        seconds[f"{name}_s"] = time.perf_counter() - began_s
        began_s = time.perf_counter()
        decide(images, ledger, run.model_copy(update={"images": "2"}), parameters)
        seconds[f"{name}_with_ledger_s"] = time.perf_counter() - began_s
    return {"groups": len(images.group_names), **seconds}


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=20_000, help="to write")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--rows", type=int, default=1_000_000, help="to decide on")
    parser.add_argument("--work", type=Path, help="an existing folder on the disk to measure")
    arguments = parser.parse_args()
    pa.set_memory_pool(pa.system_memory_pool())  # as the step does
    print(json.dumps({"deciding": {"rows": arguments.rows, **decision_seconds(arguments.rows)}}, indent=2))
    work = Path(tempfile.mkdtemp(prefix="scenery-bench-", dir=arguments.work))
    (work / "images").mkdir()
    write_images(work / "images", arguments.images)
    size_bytes = sum((work / "images" / shard).stat().st_size for shard in read_names(work / "images"))
    works = {"copyfile": copy, "records": write_records, "split": split}
    for peer in works.values():  # once before, so that none has to read from disk for all
        seconds_of(peer, work)
    seconds = median_seconds({name: partial(seconds_of, peer, work) for name, peer in works.items()}, arguments.repeats)
    speeds = {f"{name}_mb_per_s": size_bytes / 1e6 / taken_s for name, taken_s in seconds.items()}
    ratios = {f"{name}_over_copyfile": seconds["copyfile"] / seconds[name] for name in ("records", "split")}
    print(json.dumps({"writing": {"images": arguments.images, "fsync": "all three", **speeds, **ratios}}, indent=2))
    shutil.rmtree(work)


if __name__ == "__main__":
    main()
