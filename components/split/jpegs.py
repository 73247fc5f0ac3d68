"""The pixels of an `images` dataset, without a copy."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from components._errors import InputError
from components.formats.dataset import Dataset
from components.split.image_rows import Integers

_BATCH_ROWS = 256  # a row group of ingest's: what is held at a time


def read_jpegs(folder: Path, dataset: Dataset, image_bytes: Integers) -> Iterator[list[pa.Buffer]]:
    """Reads all JPEGs in order, a batch at a time.

    Args:
        folder: The dataset's.
        dataset: Its manifest.
        image_bytes: How long each is said to be, int64 [rows].

    Yields:
        The JPEGs of a batch, each as a part of it.

    Raises:
        InputError: If one is longer or shorter than it is said to be.
    """
    row = 0
    for shard in dataset.shards:
        with pq.ParquetFile(folder / shard.name, memory_map=True) as file:
            for batch in file.iter_batches(_BATCH_ROWS, columns=["image"]):
                ends, data = _ends_and_data(batch["image"])
                _check(np.diff(ends), image_bytes[row : row + len(batch)], row, folder / shard.name)
                row += len(batch)
                yield [data.slice(start, end - start) for start, end in pairwise(ends.tolist())]


def _ends_and_data(images: pa.BinaryArray) -> tuple[Integers, pa.Buffer]:
    """Returns where each value ends, after where the first begins; see "Variable-size Binary Layout" of Arrow."""
    _, offsets, data = images.buffers()
    ends = np.frombuffer(offsets, np.int32)[images.offset : images.offset + len(images) + 1]
    return ends.astype(np.int64), data


def _check(found: Integers, expected: Integers, first: int, file: Path) -> None:
    for index in np.flatnonzero(found != expected)[:1].tolist():
        raise InputError(
            f"{file}: expected a JPEG of {expected[index]} bytes in row {first + index} of the dataset, as its column "
            f"image_bytes says. Received one of {found[index]} bytes. Run ingest again."
        )
