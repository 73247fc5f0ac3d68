"""Rows of images as Parquet files."""

from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from components.formats.records import IMAGE_SCHEMA

SHARD_BYTES = 64 * 2**20  # of JPEG: what a reader downloads at a time
SHARD_ROWS = 4096
ROW_GROUP_ROWS = 256  # what a reader or writer holds at a time

Row = dict[str, Any]


def write_shards(folder: Path, rows: Iterable[Row]) -> dict[str, int]:
    """Writes rows into Parquet files of about 64 MiB; the same rows give the same bytes.

    Args:
        folder: Where `images-00000.parquet` and so on go.
        rows: As in IMAGE_SCHEMA; one row group's are held in memory.

    Returns:
        Rows per file name.
    """
    rows_of_shard: dict[str, int] = {}
    for name, named in groupby(_row_groups(rows), key=itemgetter(0)):
        with _writer(folder / name) as writer:
            for _, row_group in named:
                writer.write_table(pa.Table.from_pylist(row_group, schema=IMAGE_SCHEMA))
                rows_of_shard[name] = rows_of_shard.get(name, 0) + len(row_group)
    return rows_of_shard


def _writer(file: Path) -> pq.ParquetWriter:
    # JPEG does not compress further, and statistics on it would repeat whole images.
    compression = {name: "none" if name == "image" else "zstd" for name in IMAGE_SCHEMA.names}
    return pq.ParquetWriter(
        file, IMAGE_SCHEMA, compression=compression, use_dictionary=["label"], write_statistics=["label"]
    )


def _row_groups(rows: Iterable[Row]) -> Iterator[tuple[str, list[Row]]]:
    """Cuts rows into row groups, each with the name of the shard that it belongs to."""
    shard, shard_rows, shard_bytes = 0, 0, 0
    row_group: list[Row] = []
    for row in rows:
        row_group.append(row)
        shard_rows, shard_bytes = shard_rows + 1, shard_bytes + row["image_bytes"]
        full = shard_bytes >= SHARD_BYTES or shard_rows == SHARD_ROWS
        if full or len(row_group) == ROW_GROUP_ROWS:
            yield _name(shard), row_group
            row_group = []
        if full:
            shard, shard_rows, shard_bytes = shard + 1, 0, 0
    if row_group:
        yield _name(shard), row_group


def _name(shard: int) -> str:
    return f"images-{shard:05d}.parquet"
