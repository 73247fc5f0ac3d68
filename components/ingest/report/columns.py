"""What the rows of an `images` dataset say, all but their pixels, as one array a column."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from components.formats.dataset import Dataset

Integers = NDArray[np.int64]
Reals = NDArray[np.float64]

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
    """The columns of a dataset, row by row. A million rows take some 200 MB.

    Attributes:
        class_names: In label order.
        label: Index into `class_names`.
        group: A number that is the same within a group, counted from 0 in order of appearance.
        key: The user's own keys of all rows one after another: a number that is the same for equal keys, from 0.
        key_row: The row that each of these belongs to, rising.
        numbers: Sizes and measures by column name.
        rows_of_flag: By quality flag, the rows that have it, rising.
        source_uris: Text; use `pictures` to look rows up.
    """

    class_names: Sequence[str]
    label: Integers
    group: Integers
    key: Integers
    key_row: Integers
    numbers: dict[str, Reals]
    rows_of_flag: dict[str, Integers]
    source_uris: pa.StringArray

    def __len__(self) -> int:
        """Returns the number of rows."""
        return len(self.label)

    def pictures(self, rows: Sequence[int] | Integers) -> tuple[Picture, ...]:
        """Looks up rows by number."""
        uris = self.source_uris.take(pa.array(rows, pa.int64())).to_pylist()
        width_px, height_px = self.numbers["width_px"], self.numbers["height_px"]
        return tuple(
            Picture(int(row), uri, self.class_names[self.label[row]], int(width_px[row]), int(height_px[row]))
            for row, uri in zip(rows, uris, strict=True)
        )


def read_columns(images: Path, dataset: Dataset) -> Columns:
    """Reads all columns but ids, hashes and pixels.

    Args:
        images: The dataset's folder.
        dataset: Its manifest.

    Returns:
        The columns, rows in reading order.
    """
    names = [*_TEXTS, *_NUMBERS, "quality_flags"]
    table = pa.concat_tables(pq.read_table(images / shard.name, columns=names) for shard in dataset.shards)
    labels = pc.index_in(table["label"], value_set=pa.array(dataset.class_names, pa.string()))
    keys = table["group_keys"].combine_chunks()
    return Columns(
        class_names=dataset.class_names,
        label=labels.to_numpy().astype(np.int64),
        group=_codes(table["group"].combine_chunks()),
        key=_codes(pc.list_flatten(keys)),
        key_row=pc.list_parent_indices(keys).to_numpy().astype(np.int64),
        numbers={name: table[name].to_numpy().astype(np.float64) for name in _NUMBERS},
        rows_of_flag=_rows_of_flag(table["quality_flags"]),
        source_uris=table["source_uri"].combine_chunks(),
    )


def _codes(texts: pa.Array) -> Integers:
    """Numbers equal texts alike, from 0 in order of appearance."""
    return np.asarray(pc.dictionary_encode(texts).indices.to_numpy(), np.int64)


def _rows_of_flag(flags: pa.ChunkedArray) -> dict[str, Integers]:
    flags = flags.combine_chunks()
    rows = pc.list_parent_indices(flags).to_numpy()
    flat = pc.dictionary_encode(pc.list_flatten(flags))
    codes = flat.indices.to_numpy()
    return {name: rows[codes == code].astype(np.int64) for code, name in enumerate(flat.dictionary.to_pylist())}
