"""Sequences on disk, and sorting them."""

import random
from operator import itemgetter

import pytest

from components.ingest import spilled
from components.ingest.spilled import Spilled, sorted_on_disk


@pytest.fixture
def few(monkeypatch):
    """Leaves so few items in memory that a test need not have many."""
    monkeypatch.setattr(spilled, "_BATCH_ITEMS", 3)
    monkeypatch.setattr(spilled, "_RUN_ITEMS", 10)


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize("length", [0, 1, 3, 4, 30, 31])
def test_items_come_back_in_order_however_often_they_are_read(tmp_path, length):
    items = [(number, f"a\udcff{number}") for number in range(length)]
    sequence = Spilled(tmp_path, items)
    assert len(sequence) == length
    assert list(zip(sequence, sequence, strict=True)) == list(zip(items, items, strict=True))


@pytest.mark.usefixtures("few")
def test_items_can_be_added_after_others_were_read(tmp_path):
    sequence = Spilled(tmp_path, range(10))
    reading = iter(sequence)
    assert next(reading) == 0
    for number in range(10, 20):
        sequence.append(number)
    assert list(sequence) == list(range(20))
    del reading


@pytest.mark.usefixtures("few")
def test_nobody_else_sees_a_file(tmp_path):
    sequence = Spilled(tmp_path, range(100))
    assert list(tmp_path.iterdir()) == []
    assert list(sequence) == list(range(100))


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize("length", [0, 1, 10, 11, 500])
def test_the_order_is_that_of_sorting_in_memory(tmp_path, length):
    chance = random.Random(length)
    items = [(chance.choice(["ü", "u", "\U0001f600", "\uffff", "a/b", "a b"]), number) for number in range(length)]
    assert list(sorted_on_disk(items, itemgetter(0), tmp_path)) == sorted(items, key=itemgetter(0))
