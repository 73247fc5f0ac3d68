"""The ledger's next table: what was known, what this run has, and what it has decided."""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from components.split.assignment import NONE, SPLITS, TRAIN, VALIDATION, Codes
from components.split.image_rows import ImageRows, Integers
from components.split.kinship import Kin
from components.split.ledger import LEDGER_SCHEMA, Ledger, Run
from components.split.list_columns import list_column, owners_of, unique_pairs
from components.split.lots import ranks_of, sorted_order

_NO_COLUMNS = [pa.array([], field.type) for field in LEDGER_SCHEMA]
_NOTHING = Ledger(pa.Table.from_arrays(_NO_COLUMNS, schema=LEDGER_SCHEMA), (), 0)


def next_table(rows: ImageRows, previous: Ledger | None, kin: Kin, splits: Codes, folds: Codes, run: Run) -> pa.Table:
    """Makes one entry of each kin, of what it has now and all that the ledger knows of it.

    Args:
        rows: Of this run.
        previous: The ledger so far; None for the first run.
        kin: Of all groups and entries.
        splits: Of each kin, int8 [kin].
        folds: Of each kin that is in one and in this run, int8 [kin].
        run: This run.

    Returns:
        The table, of LEDGER_SCHEMA.
    """
    previous = previous or _NOTHING
    present, of_row = kin.is_present, kin.of_group[rows.groups]
    number = len(previous.runs)
    folds = folds.copy()
    of_vanished = ~present[kin.of_entry]
    folds[kin.of_entry[of_vanished]] = previous.numbers("fold")[of_vanished]
    moved_from, moved_run = _moves(previous, kin, splits, number)
    columns = {
        "group": kin.names,
        "split": _names_of(splits),
        "fold": _nullable(folds),
        "first_seen": _first_seen(previous, kin, run.date),
        "labels": _labels(rows, previous.column("labels"), kin, run, np.ones_like(of_vanished)),
        "last_labels": _labels(rows, previous.column("last_labels"), kin, run, of_vanished),
        "images": _images(rows, previous.column("images"), kin),
        "keys": _values(kin, previous.column("keys"), of_row[owners_of(rows.keys)], rows.keys.flatten()),
        "hashes": _values(kin, previous.column("hashes"), of_row, pa.array(rows.hashes)),
        "first_run": _smallest(kin, previous.numbers("first_run"), number),
        "last_run": np.where(present, number, _smallest(kin, previous.numbers("last_run"), number)),
        "moved_from": _names_of(moved_from),
        "moved_run": _nullable(moved_run),
    }
    arrays = [pa.array(columns[field.name], field.type) for field in LEDGER_SCHEMA]
    return pa.Table.from_arrays(arrays, schema=LEDGER_SCHEMA)


def _smallest(kin: Kin, values: Integers, of_new: int) -> Integers:
    """Returns the smallest value of each kin's entries; `of_new`, larger than any, for those without."""
    smallest = np.full(len(kin.names), of_new)
    np.minimum.at(smallest, kin.of_entry, values)
    return smallest


def _first_seen(previous: Ledger, kin: Kin, today: str) -> pa.Array:
    seen = previous.column("first_seen")
    dates = pa.array(sorted(pc.unique(seen).to_pylist()), pa.string())
    first = _smallest(kin, np.asarray(pc.index_in(seen, value_set=dates).to_numpy(), np.int64), len(dates))
    return pa.concat_arrays([dates, pa.array([today])]).take(pa.array(first))


def _moves(previous: Ledger, kin: Kin, splits: Codes, number: int) -> tuple[Codes, Integers]:
    """Returns from where and in which run each kin last had to move; NONE if never."""
    order = previous.numbers("moved_run") * len(SPLITS) + previous.splits("moved_from")
    latest = np.full(len(kin.names), NONE)
    np.maximum.at(latest, kin.of_entry, np.where(previous.numbers("moved_run") == NONE, NONE, order))
    run, source = np.divmod(latest, len(SPLITS))
    run[latest == NONE] = source[latest == NONE] = NONE
    before = previous.splits()
    left = before != splits[kin.of_entry]
    run[kin.of_entry[left]], source[kin.of_entry[left]] = number, VALIDATION
    # That some of it trained is what earlier models are to be judged by.
    source[kin.of_entry[left & (before == TRAIN)]] = TRAIN
    return source.astype(np.int8), run


def _labels(rows: ImageRows, known: pa.ListArray, kin: Kin, run: Run, is_kept: NDArray[np.bool_]) -> pa.ListArray:
    """Returns the labels of this run and those of some entries of the ledger."""
    names = pa.array(sorted({*run.class_names, *pc.unique(known.flatten()).to_pylist()}), pa.string())
    codes = np.asarray(pc.index_in(pa.array(run.class_names), value_set=names).to_numpy(), np.int64)
    entries = owners_of(known)
    kept = is_kept[entries]
    of_known = np.asarray(pc.index_in(known.flatten(), value_set=names).to_numpy(), np.int64)[kept]
    owners = np.concatenate([kin.of_entry[entries[kept]], kin.of_group[rows.groups]])
    owners, labels = unique_pairs(owners, np.concatenate([of_known, codes[rows.labels]]))
    return list_column(owners, names.take(pa.array(labels)), len(kin.names))


def _images(rows: ImageRows, known: pa.ListArray, kin: Kin) -> pa.ListArray:
    """Returns the images that the ledger knows, and the new ones of this run."""
    is_new = pc.invert(pc.is_in(rows.ids, value_set=known.flatten()))
    images = pa.concat_arrays([known.flatten(), rows.ids.filter(is_new)])
    owners = np.concatenate([kin.of_entry[owners_of(known)], kin.of_group[rows.groups[is_new.to_numpy(False)]]])
    order = sorted_order(images)
    owners, ranks = unique_pairs(owners, ranks_of(order))
    return list_column(owners, images.take(pa.array(order[ranks])), len(kin.names))


def _values(kin: Kin, known: pa.ListArray, owners: Integers, values: pa.Array) -> pa.ListArray:
    """Returns the keys or hashes that the ledger knows and those of this run, given with the kin of each."""
    both = pa.concat_arrays([known.flatten(), values]).dictionary_encode()
    order = np.asarray(pc.sort_indices(both.dictionary).to_numpy(), np.int64)
    codes = ranks_of(order)[np.asarray(both.indices.to_numpy(), np.int64)]
    owners, codes = unique_pairs(np.concatenate([kin.of_entry[owners_of(known)], owners]), codes)
    return list_column(owners, both.dictionary.take(pa.array(order[codes])), len(kin.names))


def _names_of(splits: Codes) -> pa.Array:
    return pa.array(SPLITS).take(_nullable(splits))


def _nullable(values: NDArray[Any]) -> pa.Array:
    """Returns an array of integers that is null where they are NONE."""
    return pa.array(values, mask=values == NONE)
