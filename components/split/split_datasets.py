"""One `images` dataset as three datasets of examples, and the ledger of who went where."""

from collections import deque
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa

from components._errors import InputError
from components._progress import with_progress
from components._storage import whole_folder
from components.formats.dataset import MANIFEST, Dataset, read_dataset, write_dataset
from components.split.assignment import SPLITS, Split
from components.split.changes import Changes, changes
from components.split.decision import Decision, decide, parameters_digest
from components.split.example_shards import Places, flush, place_records, write_examples
from components.split.image_rows import ImageRows, Integers, read_rows
from components.split.jpegs import read_jpegs
from components.split.ledger import LEDGER_FILE, Run
from components.split.parameters import SplitParameters
from components.split.run_record import run_record, write_run_record
from components.split.shared_ledger import decide_and_replace


@dataclass(frozen=True)
class SplitDatasets:
    """What was written.

    Attributes:
        of: The manifest of each split; the same class names in the same order in all.
        groups: Number of groups of each class, by the label of most of a group's images.
        changes: Since the run before; None without one.
    """

    of: Mapping[Split, Dataset]
    groups: Mapping[str, int]
    changes: Changes | None


def write_split_datasets(
    images: Path,
    outputs: Mapping[Split, Path],
    ledger: Path,
    parameters: SplitParameters,
    today: str,
    ledger_uri: str = "",
) -> SplitDatasets:
    """Splits a dataset of images; the same arguments and the same ledger give the same bytes.

    Args:
        images: Folder written by ingest.
        outputs: The folder to write for each split.
        ledger: The folder to write a copy of the ledger into.
        parameters: Fractions to hold out, folds, and the seed of the draw and of the order of examples.
        today: YYYY-MM-DD, for the ledger.
        ledger_uri: The ledger that runs share: a local path or gs://bucket/name; "" for a run of its own.

    Returns:
        What was written.

    Raises:
        InputError: If `images` is no such dataset, the ledger can't be used, or a split would be empty.
    """
    dataset = read_dataset(images, "images")
    rows = read_rows(images, dataset)
    run = Run(
        images=dataset.digest,
        date=today,
        class_names=dataset.class_names,
        parameters=parameters_digest(parameters),
    )
    fold = parameters.fold if parameters.folds else None
    # All that follows is derived from the ledger: a run that is killed after this, and repeated, does the same again.
    decision, ledger_data = decide_and_replace(
        ledger_uri, lambda previous: _checked(decide(rows, previous, run, parameters), images)
    )
    pa.default_memory_pool().release_unused()
    with ExitStack() as unfinished:
        folders = {split: unfinished.enter_context(whole_folder(outputs[split], holds=MANIFEST)) for split in SPLITS}
        (unfinished.enter_context(whole_folder(ledger, holds=LEDGER_FILE)) / LEDGER_FILE).write_bytes(ledger_data)
        record = run_record(ledger_data, fold)
        for folder in folders.values():
            write_run_record(folder, record)
        members = _members(rows, decision)
        places = place_records(folders, members, rows, dataset.class_names, parameters.seed)
        written = write_examples(read_jpegs(images, dataset, rows.image_bytes), rows, places, dataset.class_names)
        deque(with_progress("split", written, dataset.rows), maxlen=0)
        with ThreadPoolExecutor() as pool:  # to disk while the processors work out the checksums
            flushed = pool.submit(flush, places.files)
            manifests = pool.map(partial(_write_manifest, dataset, rows, members, places, folders), SPLITS)
            datasets = dict(zip(SPLITS, manifests, strict=True))
            flushed.result()
    groups = np.bincount(decision.labels, minlength=len(dataset.class_names)).tolist()
    of_class = dict(zip(sorted(dataset.class_names), groups, strict=True))
    groups_of_class = {name: of_class[name] for name in dataset.class_names}
    return SplitDatasets(datasets, groups_of_class, changes(decision.ledger, fold))


def _members(rows: ImageRows, decision: Decision) -> dict[Split, Integers]:
    """Returns the rows of each split."""
    of_row = decision.splits[rows.groups]
    return {split: np.flatnonzero(of_row == index) for index, split in enumerate(SPLITS)}


def _write_manifest(
    images: Dataset,
    rows: ImageRows,
    members: Mapping[Split, Integers],
    places: Places,
    folders: Mapping[Split, Path],
    split: Split,
) -> Dataset:
    count = np.bincount(rows.labels[members[split]], minlength=len(images.class_names)).tolist()
    counts = dict(zip(images.class_names, count, strict=True))
    rows_of_shard = {shard.file.name: shard.rows for shard in places.shards[split]}
    return write_dataset(folders[split], "examples", counts, rows_of_shard, images.shorter_side_px)


def _checked(decision: Decision, images: Path) -> Decision:
    if empty := [split for index, split in enumerate(SPLITS) if index not in decision.splits]:
        raise InputError(
            f"--images {images}: expected a class with at least {len(SPLITS)} groups of near-duplicates, so that no "
            f"split stays empty. Received {len(decision.splits)} groups in all, and nothing is left for "
            f"{' and '.join(empty)}. Add images that differ more, or ingest with a smaller --near-duplicate-distance."
        )
    return decision
