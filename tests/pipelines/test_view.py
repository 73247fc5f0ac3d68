"""What a person sees of a run, in a terminal and in a log."""

import io

import pytest
from rich.console import Console

from pipelines.local.view import LiveTable, PlainLines, shown


def rendered(table: LiveTable, width: int = 80) -> list[str]:
    console = Console(file=io.StringIO(), width=width, force_terminal=False)
    console.print(table)
    return [line.rstrip() for line in console.file.getvalue().splitlines() if line.strip()]


def test_table_has_a_row_for_each_step_from_the_start():
    assert [line.split() for line in rendered(LiveTable(["ingest", "split"]))] == [["·", "ingest"], ["·", "split"]]


def test_row_tells_state_seconds_and_the_last_line():
    table = LiveTable(["ingest", "split", "train", "evaluate"])
    table.reused("ingest")
    table.started("split")
    table.said("split", "half way")
    table.said("split", "594 images")
    table.finished("split", 2.04)
    table.started("train")
    table.failed("train", 61.0)
    ingest, split, train, evaluate = rendered(table)
    assert ingest.startswith("↺  ingest")
    assert ingest.endswith("unchanged since an earlier run")
    assert split.startswith("✓  split")
    assert "2.0 s" in split
    assert split.endswith("594 images")
    assert train.startswith("✗  train")
    assert "61.0 s" in train
    assert evaluate.split() == ["·", "evaluate"]


def test_stopped_run_marks_the_step_that_was_running():
    table = LiveTable(["ingest", "split"])
    table.started("ingest")
    table.stopped()
    assert rendered(table)[0].startswith("■  ingest")


def test_long_line_is_cut_and_never_wraps():
    table = LiveTable(["train"])
    table.started("train")
    table.said("train", "loss " * 100)
    (row,) = rendered(table, width=60)
    assert len(row) <= 60
    assert row.endswith("…")


@pytest.mark.parametrize("text", ["[bold]x[/bold]", "[/nothing]", ":smile:"])
def test_what_a_step_says_is_shown_literally(text):
    table = LiveTable(["train"])
    table.started("train")
    table.said("train", text)
    assert rendered(table)[0].endswith(text)
    console = Console(file=io.StringIO(), width=80)
    PlainLines(console).said("train", text)
    assert console.file.getvalue() == f"    train | {text}\n"


def test_without_a_terminal_events_are_plain_lines():
    console = Console(file=io.StringIO(), width=20, force_terminal=False)
    with shown(console, ["ingest"]) as progress:
        progress.started("ingest")
        progress.said("ingest", "a line that is longer than twenty characters")
        progress.finished("ingest", 1.23)
    assert console.file.getvalue().splitlines()[:3] == [
        "   ingest | begins",
        "   ingest | a line that is longer than twenty characters",
        "   ingest | done in 1.2 s",
    ]
