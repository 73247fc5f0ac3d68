"""Orders, pairs and columns of lists, against Python's own."""

import hashlib

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.split.list_columns import list_column, owners_of, unique_pairs
from components.split.lots import drawn_ranks, ranks_of, sorted_order

NAMES = st.lists(st.text(max_size=3), max_size=20)
EQUAL_LENGTHS = st.lists(st.binary(min_size=4, max_size=4).map(bytes.hex), max_size=20)


@settings(derandomize=True)
@given(NAMES | EQUAL_LENGTHS, st.integers(0, 5))
def test_names_are_sorted_as_python_sorts_them(names, first):
    part = pa.array(names, pa.string()).slice(first)
    order = sorted_order(part)
    assert [part[index].as_py() for index in order.tolist()] == sorted(names[first:])
    assert ranks_of(order)[order].tolist() == list(range(len(part)))


@pytest.mark.parametrize("count", [0, 1, 100])
def test_lots_are_sha256_of_seed_and_name(count):
    names = [f"g{number}" for number in range(count)]
    drawn = sorted(names, key=lambda name: hashlib.sha256(f"7/{name}".encode()).hexdigest())
    assert [names[index] for index in np.argsort(drawn_ranks(pa.array(names, pa.string()), 7))] == drawn


@settings(derandomize=True)
@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9) | st.just(2**31 - 1)), max_size=40))
def test_pairs_are_unique_and_make_lists(pairs):
    owners, codes = unique_pairs(*np.array(pairs, np.int64).reshape(-1, 2).T)
    assert list(zip(owners.tolist(), codes.tolist(), strict=True)) == sorted(set(pairs))
    column = list_column(owners, pa.array(codes), 10)
    assert column.to_pylist() == [sorted({code for of, code in pairs if of == owner}) for owner in range(10)]
    assert owners_of(column).tolist() == owners.tolist()
