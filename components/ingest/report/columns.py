"""What the rows of an `images` dataset say, all but their pixels, as one array a column."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from components._duplicates.near import Hashes
from components.formats.dataset import Dataset

Integers = NDArray[np.int64]
Reals = NDArray[np.float64]
Digests = NDArray[np.bytes_]

_DIGEST_BYTES = 16  # two of a billion texts are alike in one of 10**20 data sets
_TEXTS = ["label", "source_uri", "group", "group_keys"]
_NUMBERS = [
    "width_px", "height_px", "source_width_px", "source_height_px", "sharpness", "brightness", "entropy_bits",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Picture:
    """A row that is shown to people.

    Attributes:
        row: Its number in the dataset, from 0.
        source_uri: Where it came from.
        label: Its class.
        width_px: As stored; the height likewise.
        height_px: See `width_px`.
    """

    row: int
    source_uri: str
    label: str
    width_px: int
    height_px: int


@dataclass(frozen=True)
class Columns:
    """The columns of a dataset, row by row: some 100 bytes a row. Paths stay on disk.

    Attributes:
        class_names: In label order.
        label: Index into `class_names`.
        group: A number that is the same within a group, counted from 0 in order of appearance.
        key: The user's own keys of all rows one after another: a number that is the same for equal keys, from 0.
        key_row: The row that each of these belongs to, rising.
        hash: The perceptual hash.
        near_duplicate_distance: In how many bits the hashes of two near-duplicates may differ.
        numbers: Sizes and measures by column name.
        rows_of_flag: By quality flag, the rows that have it, rising.
        shards: The files of the rows; use `pictures` to look paths up.
        first_rows: The first row of each, and the number of all.
    """

    class_names: Sequence[str]
    label: Integers
    group: Integers
    key: Integers
    key_row: Integers
    hash: Hashes
    near_duplicate_distance: int
    numbers: dict[str, Reals]
    rows_of_flag: dict[str, Integers]
    shards: Sequence[Path]
    first_rows: Integers

    def __len__(self) -> int:
        """Returns the number of rows."""
        return len(self.label)

    def pictures(self, rows: Sequence[int] | Integers) -> tuple[Picture, ...]:
        """Looks up rows by number."""
        uris = self._source_uris(np.asarray(rows, np.int64))
        width_px, height_px = self.numbers["width_px"], self.numbers["height_px"]
        return tuple(
            Picture(int(row), uris[row], self.class_names[self.label[row]], int(width_px[row]), int(height_px[row]))
            for row in rows
        )

    def _source_uris(self, rows: Integers) -> dict[int, str]:
        """Reads the paths of rows, by row."""
        uris: dict[int, str] = {}
        shard_of = np.searchsorted(self.first_rows, rows, side="right") - 1
        for shard in np.unique(shard_of).tolist():
            here = rows[shard_of == shard]
            column = pq.read_table(self.shards[shard], columns=["source_uri"])["source_uri"]
            uris |= zip(here.tolist(), column.take(here - self.first_rows[shard]).to_pylist(), strict=True)
        return uris


def read_columns(images: Path, dataset: Dataset) -> Columns:
    """Reads all columns but ids and pixels.

    Args:
        images: The dataset's folder.
        dataset: Its manifest.

    Returns:
        The columns, rows in reading order.
    """
    shards = [images / shard.name for shard in dataset.shards]
    first_rows = np.cumsum([0, *(shard.rows for shard in dataset.shards)])
    parts, flag_parts = defaultdict[str, list[Any]](list), defaultdict[str, list[Integers]](list)
    for shard, first_row in zip(shards, first_rows.tolist(), strict=False):  # behind the last is their number
        table = pq.read_table(shard, columns=[*_TEXTS, *_NUMBERS, "perceptual_hash", "quality_flags"])
        for name, values in _columns(table, dataset.class_names, first_row).items():
            parts[name].append(values)
        for flag, rows in _rows_of_flag(table["quality_flags"]).items():
            flag_parts[flag].append(first_row + rows)
    columns = {name: np.concatenate(parts.pop(name)) for name in list(parts)}  # one column is in memory twice at a time
    return Columns(
        class_names=dataset.class_names,
        label=columns["label"],
        group=_numbered(columns.pop("group")),
        key=_numbered(columns.pop("key")),
        key_row=columns["key_row"],
        hash=columns["hash"],
        near_duplicate_distance=dataset.near_duplicate_distance or 0,
        numbers={name: columns[name] for name in _NUMBERS},
        rows_of_flag={flag: np.concatenate(rows) for flag, rows in flag_parts.items()},
        shards=shards,
        first_rows=first_rows,
    )


def _columns(table: pa.Table, class_names: Sequence[str], first_row: int) -> dict[str, Any]:
    """Takes what is in one shard; a digest stands for each text that only has to be told from others."""
    keys = table["group_keys"].combine_chunks()
    return {
        "label": pc.index_in(table["label"], value_set=pa.array(class_names, pa.string())).to_numpy().astype(np.int64),
        "group": _digests(table["group"].combine_chunks()),
        "key": _digests(pc.list_flatten(keys)),
        "key_row": first_row + pc.list_parent_indices(keys).to_numpy().astype(np.int64),
        "hash": table["perceptual_hash"].to_numpy(),
        **{name: table[name].to_numpy().astype(np.float64) for name in _NUMBERS},
    }


def _digests(texts: pa.StringArray) -> Digests:
    digests = (blake2b(text.encode(), digest_size=_DIGEST_BYTES).digest() for text in texts.to_pylist())
    return np.frombuffer(b"".join(digests), f"S{_DIGEST_BYTES}")


def _numbered(digests: Digests) -> Integers:
    """Numbers equal digests alike, from 0 in order of appearance."""
    _, first, where = np.unique(digests, return_index=True, return_inverse=True)
    number = np.empty(len(first), np.int64)
    number[np.argsort(first)] = np.arange(len(first))
    return number[where]


def _rows_of_flag(flags: pa.ChunkedArray) -> dict[str, Integers]:
    flags = flags.combine_chunks()
    rows = pc.list_parent_indices(flags).to_numpy()
    flat = pc.dictionary_encode(pc.list_flatten(flags))
    codes = flat.indices.to_numpy()
    return {name: rows[codes == code].astype(np.int64) for code, name in enumerate(flat.dictionary.to_pylist())}
