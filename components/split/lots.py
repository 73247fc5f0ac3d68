"""Orders of names: the sorted one, and one drawn from a seed in which no other name has a say."""

import hashlib

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from components.split.image_rows import Integers

_BATCH = 65_536  # names that are Python objects at a time
_LOT_BYTES = 16  # of the sha256: no two are equal


def drawn_ranks(names: pa.StringArray, seed: int) -> Integers:
    """Returns each name's place among all names in the order of their lots, int64 [names]."""
    prefix = f"{seed}/".encode()
    lots = bytearray()
    for first in range(0, len(names), _BATCH):
        batch = names.slice(first, _BATCH).cast(pa.binary()).to_pylist()
        lots += b"".join([hashlib.sha256(prefix + name).digest()[:_LOT_BYTES] for name in batch])
    high_low = np.frombuffer(lots, ">u8").reshape(-1, 2).astype(np.uint64)
    order = np.lexsort((high_low[:, 1], high_low[:, 0]))
    return ranks_of(order)


def sorted_order(names: pa.StringArray) -> Integers:
    """Returns the indices of names in the order of their code points, int64 [names]."""
    lengths = pc.min_max(pc.binary_length(names)).as_py()
    if lengths["min"] and lengths["min"] == lengths["max"]:  # as all sha256 are: numpy sorts them in half the time
        _, offsets, data = names.buffers()
        first = int(np.frombuffer(offsets, np.int32)[names.offset])
        return np.argsort(np.frombuffer(data, f"S{lengths['min']}", len(names), first))
    return np.asarray(pc.sort_indices(names).to_numpy(), np.int64)


def ranks_of(order: Integers) -> Integers:
    """Returns the place of each index in an order of all of them: the inverse permutation."""
    ranks = np.empty_like(order)
    ranks[order] = np.arange(len(order))
    return ranks
