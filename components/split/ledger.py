"""The ledger: which group is in which split, and since when. It lets a later run keep what this one decided."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from components.split.assignment import Group, Split

LEDGER_FILE = "ledger.parquet"

LEDGER_SCHEMA = pa.schema(
    [
        pa.field("group", pa.string(), nullable=False),
        pa.field("split", pa.string(), nullable=False),  # train, validation or test
        pa.field("first_seen", pa.string(), nullable=False),  # ISO 8601 date, UTC
        pa.field("labels", pa.list_(pa.string()), nullable=False),  # every label the group has had, sorted
    ]
)


def write_ledger(folder: Path, groups: Sequence[Group], splits: Mapping[str, Split], first_seen: str) -> None:
    """Writes the ledger, sorted by group.

    Args:
        folder: An existing folder.
        groups: All groups.
        splits: The split of each, by id.
        first_seen: Date of this run, YYYY-MM-DD.
    """
    rows = [
        {"group": group.id, "split": splits[group.id], "first_seen": first_seen, "labels": sorted(group.counts)}
        for group in sorted(groups, key=lambda group: group.id)
    ]
    pq.write_table(pa.Table.from_pylist(rows, schema=LEDGER_SCHEMA), folder / LEDGER_FILE, compression="zstd")
