"""Who is in an `images` dataset: every column that split decides on, and no pixel."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from components._errors import InputError
from components.formats.dataset import Dataset

Integers = NDArray[np.int64]

_COLUMNS = ["id", "label", "group", "group_keys", "perceptual_hash", "image_bytes"]


@dataclass(frozen=True)
class ImageRows:
    """Rows in reading order, as columns: a Python object for each would take several times the memory.

    Attributes:
        ids: Sha256 of each source, hex; string [rows].
        labels: Label of each as an index into the dataset's class names, int64 [rows].
        group_names: All groups, in order of appearance, string [groups].
        groups: Group of each as an index into `group_names`, int64 [rows].
        keys: The user's own groups of each, list of string [rows]; several where copies of it have others.
        hashes: Perceptual hash of each, uint64 [rows].
        image_bytes: Length of each JPEG, int64 [rows].
        near_duplicate_distance: In how many bits the hashes of two near-duplicates may differ.
    """

    ids: pa.StringArray
    labels: Integers
    group_names: pa.StringArray
    groups: Integers
    keys: pa.ListArray
    hashes: NDArray[np.uint64]
    image_bytes: Integers
    near_duplicate_distance: int


def read_rows(folder: Path, dataset: Dataset) -> ImageRows:
    """Reads all rows, but none of their pixels. A million take some 200 MB.

    Args:
        folder: The dataset's.
        dataset: Its manifest.

    Returns:
        The rows.

    Raises:
        InputError: If an earlier version of ingest wrote it, without what split needs.
    """
    table = pa.concat_tables(_read_columns(folder / shard.name) for shard in dataset.shards)
    if missing := set(_COLUMNS) - set(table.column_names):
        raise InputError(
            f"--images {folder}: expected the columns {', '.join(_COLUMNS)}. Missing: {', '.join(sorted(missing))}. "
            "Run ingest again with this version of Scenery."
        )
    groups = table["group"].combine_chunks().dictionary_encode()
    rows = ImageRows(
        ids=table["id"].combine_chunks(),
        labels=_integers(pc.index_in(table["label"], value_set=pa.array(dataset.class_names, pa.string()))),
        group_names=groups.dictionary,
        groups=_integers(groups.indices),
        keys=table["group_keys"].combine_chunks(),
        hashes=table["perceptual_hash"].to_numpy(),
        image_bytes=_integers(table["image_bytes"]),
        near_duplicate_distance=dataset.near_duplicate_distance or 0,
    )
    del table, groups
    pa.default_memory_pool().release_unused()
    return rows


def _read_columns(shard: Path) -> pa.Table:
    with pq.ParquetFile(shard, memory_map=True) as file:
        return file.read(_COLUMNS, use_threads=False).combine_chunks()  # pieces of row groups take twice the memory


def _integers(column: pa.ChunkedArray | pa.Array) -> Integers:
    return np.asarray(column.to_numpy(), np.int64)
