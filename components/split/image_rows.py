"""Who is in an `images` dataset: every column that split decides on, and no pixel."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from components._errors import InputError
from components.formats.dataset import Dataset
from components.split.assignment import Group

Integers = NDArray[np.int64]

_COLUMNS = ["id", "label", "group", "group_keys", "perceptual_hash", "image_bytes"]


@dataclass(frozen=True)
class ImageRows:
    """Rows in reading order.

    Attributes:
        ids: Sha256 of each source, hex.
        labels: Label of each as an index into the dataset's class names, int64 [rows].
        group_names: All groups, in order of appearance.
        groups: Group of each as an index into `group_names`, int64 [rows].
        keys: The user's own groups of each; several where copies of it have others.
        hashes: Perceptual hash of each.
        image_bytes: Length of each JPEG, int64 [rows].
    """

    ids: Sequence[str]
    labels: Integers
    group_names: Sequence[str]
    groups: Integers
    keys: Sequence[Sequence[str]]
    hashes: Sequence[int]
    image_bytes: Integers


def read_rows(folder: Path, dataset: Dataset) -> ImageRows:
    """Reads all rows, but none of their pixels. A million take some 1 GB.

    Args:
        folder: The dataset's.
        dataset: Its manifest.

    Returns:
        The rows.

    Raises:
        InputError: If an earlier version of ingest wrote it, without what split needs.
    """
    table = pa.concat_tables(pq.ParquetFile(folder / shard.name).read(_COLUMNS) for shard in dataset.shards)
    if missing := set(_COLUMNS) - set(table.column_names):
        raise InputError(
            f"--images {folder}: expected the columns {', '.join(_COLUMNS)}. Missing: {', '.join(sorted(missing))}. "
            "Run ingest again with this version of Scenery."
        )
    groups = table["group"].combine_chunks().dictionary_encode()
    return ImageRows(
        ids=table["id"].to_pylist(),
        labels=_integers(pc.index_in(table["label"], value_set=pa.array(dataset.class_names, pa.string()))),
        group_names=groups.dictionary.to_pylist(),
        groups=_integers(groups.indices),
        keys=table["group_keys"].to_pylist(),
        hashes=table["perceptual_hash"].to_pylist(),
        image_bytes=_integers(table["image_bytes"]),
    )


def groups_of(rows: ImageRows, class_names: Sequence[str]) -> list[Group]:
    """Puts the rows of each group together, groups in order of appearance."""
    counts: list[dict[str, int]] = [{} for _ in rows.group_names]
    images: list[list[str]] = [[] for _ in rows.group_names]
    keys: list[set[str]] = [set() for _ in rows.group_names]
    hashes: list[set[int]] = [set() for _ in rows.group_names]
    columns = (rows.ids, rows.labels.tolist(), rows.groups.tolist(), rows.keys, rows.hashes)
    for image_id, label, group, keys_of_image, perceptual_hash in zip(*columns, strict=True):
        name = class_names[label]
        counts[group][name] = counts[group].get(name, 0) + 1
        images[group].append(image_id)
        keys[group].update(keys_of_image)
        hashes[group].add(perceptual_hash)
    return [Group(*group) for group in zip(rows.group_names, counts, images, keys, hashes, strict=True)]


def _integers(column: pa.ChunkedArray | pa.Array) -> Integers:
    return np.asarray(column.to_numpy(), np.int64)
