"""The rows of an `images` dataset: first who is in it, then everything, a few hundred at a time."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq

from components.formats.dataset import Dataset
from components.split.assignment import Group

_BATCH_ROWS = 256


@dataclass(frozen=True, slots=True)
class ImageRow:
    """What training needs of an image.

    Attributes:
        id: Sha256 of its source, hex.
        label: Class name.
        group: Of images that stay together.
        jpeg: Its pixels; empty where only membership was read.
    """

    id: str
    label: str
    group: str
    jpeg: bytes = b""


def read_rows(folder: Path, dataset: Dataset, with_images: bool) -> Iterator[ImageRow]:
    """Reads rows in order.

    Args:
        folder: The dataset's.
        dataset: Its manifest.
        with_images: Whether to read the pixels too.

    Yields:
        The rows.
    """
    columns = ["id", "label", "group"] + ["image"] * with_images
    for shard in dataset.shards:
        with pq.ParquetFile(folder / shard.name) as file:
            for batch in file.iter_batches(_BATCH_ROWS, columns=columns):
                yield from (
                    ImageRow(*values) for values in zip(*(batch[name].to_pylist() for name in columns), strict=True)
                )


def groups_of(rows: Iterable[ImageRow]) -> list[Group]:
    """Counts labels per group."""
    counts: dict[str, dict[str, int]] = {}
    for row in rows:
        of_group = counts.setdefault(row.group, {})
        of_group[row.label] = of_group.get(row.label, 0) + 1
    return [Group(group_id, of_group) for group_id, of_group in counts.items()]
