import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from components._errors import InputError
from components.split.changes import Changes, Move, changes
from components.split.ledger import LEDGER_FILE, Entry, FoldMove, Run, Tally, ledger_bytes, parse_ledger, read_ledger
from tests.split_artifact import ledger_of

RUNS = (
    Run(images="d1", date="2024-01-31", class_names=("coast", "küche 客厅"), parameters="p"),
    Run(images="d2", date="2024-02-29", class_names=("barn", "coast"), parameters="p"),
)
ENTRIES = [
    Entry(
        "a", "test", None, "2024-01-31", ["coast", "küche 客厅"], ["coast"], ["a", "b"], ["key"], [7, 2**64 - 1], 0, 0
    ),
    Entry("c", "validation", 3, "2024-02-29", ["barn", "coast"], ["barn", "coast"], ["c"], [], [9], 1, 1),
    Entry("d", "test", None, "2024-01-31", ["coast"], ["coast"], ["d", "e"], [], [3], 0, 1, "train", 1),
    Entry("f", "train", None, "2024-01-31", ["coast"], ["coast"], ["f"], [], [4], 0, 1, "train", 0),
]
TALLY = Tally(
    new_images=2,
    vanished_images=3,
    absent_images=b"\xc0\xff",
    fold_moves=(FoldMove(group="f", from_fold=3, to_fold=0), FoldMove(group="f", from_fold=4, to_fold=0)),
)
LEDGER = ledger_of(ENTRIES, RUNS, 5, TALLY)


def _altered(metadata=None, **columns):
    """The ledger's file with other columns or metadata."""
    table = pq.read_table(io.BytesIO(ledger_bytes(LEDGER)))
    for name, values in columns.items():
        index = table.schema.get_field_index(name)
        table = table.set_column(index, table.schema.field(name), pa.array(values, table.schema.field(name).type))
    stream = io.BytesIO()
    pq.write_table(table.replace_schema_metadata(table.schema.metadata | (metadata or {})), stream)
    return stream.getvalue()


def test_a_ledger_is_read_as_it_was_written(tmp_path):
    (tmp_path / LEDGER_FILE).write_bytes(ledger_bytes(LEDGER))
    assert read_ledger(tmp_path) == LEDGER
    assert ledger_bytes(read_ledger(tmp_path)) == ledger_bytes(LEDGER)


def test_there_is_no_ledger(tmp_path):
    with pytest.raises(InputError, match=r"expected the ledger of a finished run of split, found no ledger\.parquet"):
        read_ledger(tmp_path)


@pytest.mark.parametrize(
    ("data", "received"),
    [
        (b"", "Parquet file size is 0 bytes"),
        (b"group,split\n", "magic bytes not found"),
        (ledger_bytes(LEDGER)[:-30], "magic bytes not found"),
        (_altered({b"format_version": b"2"}), "format version 2"),
        (_altered({b"format_version": b""}), "without a format version"),
        (_altered({b"runs": b"[{]"}), "Invalid JSON"),
        (_altered({b"runs": b"[]"}), "groups of runs that are not among the 0"),
        (_altered({b"folds": b"many"}), "invalid literal"),
        (_altered({b"tally": b"{}"}), "new_images"),
        (_altered(split=["test", "train", "holdout", "train"]), "splits other than train, validation, test"),
        (_altered(last_run=[0, 1, 2, 1]), "groups of runs that are not among the 2"),
    ],
)
def test_what_is_no_ledger_is_refused(data, received):
    with pytest.raises(InputError, match=rf"(?s)^x\.parquet: expected a ledger .* Received: .*{received}"):
        parse_ledger(data, "x.parquet")


def test_another_table_is_refused():
    stream = io.BytesIO()
    pq.write_table(pa.table({"a": [1]}).replace_schema_metadata({b"format_version": b"1"}), stream)
    with pytest.raises(InputError, match=r"Received: columns \['a'\]"):
        parse_ledger(stream.getvalue(), "x.parquet")


def test_a_damaged_page_is_refused():
    data = bytearray(ledger_bytes(LEDGER))
    data[40:80] = bytes(40)
    with pytest.raises(InputError, match="expected a ledger"):
        parse_ledger(bytes(data), "x.parquet")


def test_changes_are_those_since_the_run_before():
    assert changes(LEDGER) == Changes(
        previous_date="2024-01-31",
        new_images=2,
        vanished_images=3,
        new_groups=1,
        new_groups_of_class={"barn": 1, "coast": 1},
        kept_groups=2,
        vanished_groups=1,
        # Of f only the folds: its split it changed a run ago.
        moved=(Move("d", "train", "test"), Move("f", "fold 3", "fold 0"), Move("f", "fold 4", "fold 0")),
        new_classes=("barn",),
        vanished_classes=("küche 客厅",),
    )


@pytest.mark.parametrize(
    ("fold", "moved"),
    [
        (0, (Move("f", "train", "validation"),)),
        (1, ()),
        (3, (Move("f", "validation", "train"),)),
        (4, (Move("f", "validation", "train"),)),
    ],
)
def test_a_change_of_folds_is_a_move_to_the_runs_that_validate_on_one_of_them(fold, moved):
    assert changes(LEDGER, fold).moved == (Move("d", "train", "test"), *moved)


def test_a_ledger_without_a_tally_counts_groups_alone():
    told = changes(ledger_of(ENTRIES, RUNS, 5))
    assert (told.new_images, told.vanished_images, told.moved) == (None, None, (Move("d", "train", "test"),))
    assert told.in_words == "1 new group and 1 gone"


def test_a_first_run_changes_nothing():
    assert changes(ledger_of(ENTRIES[:1], RUNS[:1], 0)) is None
