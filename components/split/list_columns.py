"""Columns of lists, taken apart into pairs of owner and value, and put together again."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from components.split.image_rows import Integers


def owners_of(column: pa.ListArray) -> Integers:
    """Returns the row of each value in a column of lists, int64 [values]."""
    return np.asarray(pc.list_parent_indices(column).to_numpy(), np.int64)


def unique_pairs(owners: Integers, codes: Integers) -> tuple[Integers, Integers]:
    """Returns the different pairs of an owner and a code, both in [0, 2**31), in the order of owners, then of codes."""
    pairs = np.sort(owners << 32 | codes)  # by numbers in one go: np.unique takes ten times as long
    pairs = pairs[np.concatenate([[True], pairs[1:] != pairs[:-1]])[: len(pairs)]]
    return pairs >> 32, pairs & 0xFFFFFFFF


def list_column(owners: Integers, values: pa.Array, rows: int) -> pa.ListArray:
    """Makes a column of lists.

    Args:
        owners: Row of each value, ascending, int64 [values].
        values: In the order of their rows.
        rows: Number of them; those that own nothing have an empty list.

    Returns:
        The column, list [rows].
    """
    ends = np.concatenate([[0], np.cumsum(np.bincount(owners, minlength=rows))])
    return pa.ListArray.from_arrays(pa.array(ends, pa.int32()), values)
