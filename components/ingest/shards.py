"""Rows of images as Parquet files."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from components.formats.records import IMAGE_SCHEMA

SHARD_BYTES = 64 * 2**20  # of JPEG: what a reader downloads and a writer holds at a time
SHARD_ROWS = 4096
ROW_GROUP_ROWS = 256  # what a reader holds at a time


def write_shards(folder: Path, rows: Iterable[dict[str, Any]]) -> dict[str, int]:
    """Writes rows into Parquet files of about 64 MiB; the same rows give the same bytes.

    Args:
        folder: Where `images-00000.parquet` and so on go.
        rows: As in IMAGE_SCHEMA; one shard's rows are held in memory.

    Returns:
        Rows per file name.
    """
    # JPEG does not compress further, and statistics on it would repeat whole images.
    compression = {name: "none" if name == "image" else "zstd" for name in IMAGE_SCHEMA.names}
    rows_of_shard = {}
    for number, shard in enumerate(_shards(rows)):
        name = f"images-{number:05d}.parquet"
        pq.write_table(
            pa.Table.from_pylist(shard, schema=IMAGE_SCHEMA),
            folder / name,
            row_group_size=ROW_GROUP_ROWS,
            compression=compression,
            use_dictionary=["label"],
            write_statistics=["label"],
        )
        rows_of_shard[name] = len(shard)
    return rows_of_shard


def _shards(rows: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    shard: list[dict[str, Any]] = []
    size_bytes = 0
    for row in rows:
        shard.append(row)
        size_bytes += len(row["image"])
        if size_bytes >= SHARD_BYTES or len(shard) == SHARD_ROWS:
            yield shard
            shard, size_bytes = [], 0
    if shard:
        yield shard
