"""The ledger: which group is in which split, and since when. It lets a later run keep what this one decided."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from components._errors import InputError
from components.split.assignment import NONE, SPLITS, Codes, Split
from components.split.image_rows import Integers

LEDGER_FILE = "ledger.parquet"
FORMAT_VERSION = 1

LEDGER_SCHEMA = pa.schema(
    [
        pa.field("group", pa.string(), nullable=False),  # its id when last seen
        # train, validation or test. In runs with folds train or test: the fold that validates is not decided here.
        pa.field("split", pa.string(), nullable=False),
        pa.field("fold", pa.int8(), nullable=True),  # null in test, and in runs without folds
        pa.field("first_seen", pa.string(), nullable=False),  # ISO 8601 date, UTC
        pa.field("labels", pa.list_(pa.string()), nullable=False),  # every label it ever had, sorted
        pa.field("last_labels", pa.list_(pa.string()), nullable=False),  # those it had when last seen, sorted
        pa.field("images", pa.list_(pa.string()), nullable=False),  # ids of all images it ever had, sorted
        pa.field("keys", pa.list_(pa.string()), nullable=False),  # all the user's keys it ever had, sorted
        pa.field("hashes", pa.list_(pa.uint64()), nullable=False),  # all perceptual hashes it ever had, sorted
        pa.field("first_run", pa.int32(), nullable=False),  # numbers of the runs that saw it first and last
        pa.field("last_run", pa.int32(), nullable=False),
        pa.field("moved_from", pa.string(), nullable=True),  # the split it was in, before new images tied it to
        pa.field("moved_run", pa.int32(), nullable=True),  # a group of another, and the run they came in
    ]
)
# Of the schema's metadata. The last one may be missing.
_VERSION_KEY, _FOLDS_KEY, _RUNS_KEY, _TALLY_KEY = b"format_version", b"folds", b"runs", b"tally"


class Entry(NamedTuple):
    """A row of the ledger, for those that are looked at one by one; see LEDGER_SCHEMA."""

    group: str
    split: Split
    fold: int | None
    first_seen: str
    labels: Sequence[str]
    last_labels: Sequence[str]
    images: Sequence[str]
    keys: Sequence[str]
    hashes: Sequence[int]
    first_run: int
    last_run: int
    moved_from: Split | None = None
    moved_run: int | None = None


class Run(BaseModel):
    """A run that the ledger has been through. Its number is its index.

    Attributes:
        images: Digest of the dataset.
        date: YYYY-MM-DD, UTC.
        class_names: In label order.
        parameters: Digest of those that decide who goes where.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    images: str
    date: str
    class_names: tuple[str, ...]
    parameters: str

    def repeats(self, other: "Run") -> bool:
        """Whether it is the other run done again, on whatever day."""
        return self.model_copy(update={"date": other.date}) == other


class FoldMove(BaseModel):
    """A fold that a group has left, as new images tied it to a group of another.

    Attributes:
        group: Its id.
        from_fold: Where it was, or a part of it.
        to_fold: Where it is now.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    group: str
    from_fold: int
    to_fold: int


class Tally(BaseModel):
    """What the last run has changed against the one before, as far as the table, of groups, doesn't tell.

    Attributes:
        new_images: Number of images that no earlier run had.
        vanished_images: Number of images that the run before had and this one has not.
        absent_images: A bit for each image of the table, in its order: 1 if this run has not had it. A byte's highest
            bit comes first; bits that are missing are 0.
        fold_moves: By group, then by fold.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_bytes="base64", val_json_bytes="base64")
    new_images: int = Field(ge=0)
    vanished_images: int = Field(ge=0)
    absent_images: bytes = b""
    fold_moves: tuple[FoldMove, ...] = ()


@dataclass(frozen=True)
class Ledger:
    """All groups ever seen.

    Attributes:
        table: Of LEDGER_SCHEMA, sorted by group, each column in one piece.
        runs: At least one, in order.
        folds: How many folds all runs cut their images into; 0 for none.
        tally: What the last run has changed; None where that was not recorded.
    """

    table: pa.Table
    runs: tuple[Run, ...]
    folds: int
    tally: Tally | None = None

    @property
    def entries(self) -> list[Entry]:
        """Its rows one by one; a million take 2 GB, so ask a part of a large one."""
        return [Entry(**row) for row in self.table.to_pylist()]

    def part(self, chosen: NDArray[np.bool_]) -> "Ledger":
        """Returns the ledger of some of its groups, bool [groups]."""
        return Ledger(self.table.filter(pa.array(chosen)), self.runs, self.folds)

    def column(self, name: str) -> pa.Array:
        """Returns a column, [groups]."""
        return self.table[name].chunk(0)

    def numbers(self, name: str) -> Integers:
        """Returns a column of numbers, NONE where it is null, int64 [groups]."""
        return np.asarray(self.column(name).fill_null(NONE).to_numpy(), np.int64)

    def splits(self, name: str = "split") -> Codes:
        """Returns a column of splits as indices into SPLITS, NONE where it is null, int8 [groups]."""
        codes = pc.index_in(self.column(name), value_set=pa.array(SPLITS)).fill_null(NONE)
        return np.asarray(codes.to_numpy(), np.int8)


_RUNS = TypeAdapter(tuple[Run, ...])


def ledger_bytes(ledger: Ledger) -> bytes:
    """Returns the ledger as a Parquet file; equal ledgers give equal bytes."""
    metadata = {
        _VERSION_KEY: str(FORMAT_VERSION),
        _FOLDS_KEY: str(ledger.folds),
        _RUNS_KEY: _RUNS.dump_json(ledger.runs),
    }
    if ledger.tally:
        metadata[_TALLY_KEY] = ledger.tally.model_dump_json()
    stream = io.BytesIO()
    pq.write_table(ledger.table.replace_schema_metadata(metadata), stream, compression="zstd")
    return stream.getvalue()


def parse_ledger(data: bytes, origin: str) -> Ledger:
    """Reads a ledger from the bytes of its file.

    Args:
        data: The file's.
        origin: Where they are from, for the error.

    Returns:
        The ledger.

    Raises:
        InputError: If this is no ledger, a damaged one, or one of another version.
    """
    try:
        table = pq.ParquetFile(pa.BufferReader(data)).read(use_threads=False).combine_chunks()
        metadata = table.schema.metadata or {}
        _check_schema(table.schema, metadata)
        runs, folds = _RUNS.validate_json(metadata[_RUNS_KEY]), int(metadata[_FOLDS_KEY])
        tally = Tally.model_validate_json(metadata[_TALLY_KEY]) if _TALLY_KEY in metadata else None
        ledger = Ledger(table.cast(LEDGER_SCHEMA), runs, folds, tally)
        _check_values(ledger)
    except (ValueError, KeyError, OSError) as error:  # pyarrow's errors are ValueErrors and OSErrors
        raise InputError(
            f"{origin}: expected a ledger that split wrote, of format version {FORMAT_VERSION}. Received: {error}. "
            "Use a copy from the ledger output of an earlier run, or name a new file to begin anew: images "
            "of earlier test sets may then end up in training."
        ) from error
    return ledger


def read_ledger(folder: Path) -> Ledger:
    """Reads the ledger that split has put out.

    Args:
        folder: The ledger artifact.

    Returns:
        The ledger.

    Raises:
        InputError: If there is none, or it can't be read.
    """
    file = folder / LEDGER_FILE
    if not file.is_file():
        raise InputError(f"{folder}: expected the ledger of a finished run of split, found no {LEDGER_FILE} in it.")
    return parse_ledger(file.read_bytes(), str(file))


def _check_schema(schema: pa.Schema, metadata: dict[bytes, bytes]) -> None:
    version = metadata.get(_VERSION_KEY, b"").decode("utf-8", "replace")
    if version != str(FORMAT_VERSION):
        raise ValueError(f"format version {version}" if version else "a Parquet file without a format version")
    if not schema.equals(LEDGER_SCHEMA):
        raise ValueError(f"columns {schema.names}")


def _check_values(ledger: Ledger) -> None:
    if (ledger.splits() == NONE).any():
        raise ValueError(f"splits other than {', '.join(SPLITS)}")
    first, last = ledger.numbers("first_run"), ledger.numbers("last_run")
    if not ledger.runs or not ((first >= 0) & (first <= last) & (last < len(ledger.runs))).all():
        raise ValueError(f"groups of runs that are not among the {len(ledger.runs)} it names")
