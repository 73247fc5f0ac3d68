"""What a run looks like, in a terminal and in a log."""

import io

import pytest
from rich.console import Console

from pipelines.local.view import LiveTable, PlainLines, shown

STEPS = ("ingest", "split", "train")


def terminal(width=60) -> Console:
    return Console(file=io.StringIO(), force_terminal=True, color_system=None, width=width)


def rendered(table: LiveTable, width=60) -> list[str]:
    console = terminal(width)
    console.print(table)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def test_each_state_has_its_mark():
    table = LiveTable(("waits", "runs", "done", "failed", "reused", "stopped"))
    for step in ("runs", "done", "failed", "stopped"):
        table.started(step)
        table.said(step, f"{step} says this")
    table.finished("done", 12.34)
    table.failed("failed", 0.04)
    table.reused("reused")
    waits, runs, done, failed, reused, _, empty = rendered(table)
    assert waits.split() == ["·", "waits"]
    assert runs.endswith("runs says this")
    assert runs.split()[2:4] == ["0.0", "s"]
    assert done.split(maxsplit=4) == ["✓", "done", "12.3", "s", "done says this"]
    assert failed.split(maxsplit=4) == ["✗", "failed", "0.0", "s", "failed says this"]
    assert reused.split(maxsplit=2) == ["↺", "reused", "unchanged since an earlier run"]
    assert empty == ""
    table.stopped()
    assert rendered(table)[5].split()[0] == "■"
    assert rendered(table)[2] == done


def test_the_latest_line_stays():
    table = LiveTable(STEPS)
    table.started("train")
    table.said("train", "epoch 1")
    table.said("train", "epoch 2")
    table.finished("train", 1)
    assert rendered(table)[2].endswith("epoch 2")


@pytest.mark.parametrize("width", [30, 60, 200])
def test_a_long_line_is_cut_and_every_step_keeps_one_row(width):
    table = LiveTable(STEPS)
    table.started("split")
    table.said("split", "ü [bold]x[/bold] :cat: " * 20)
    table.finished("split", 1)
    lines = rendered(table, width)
    assert len(lines) == len(STEPS) + 1
    assert lines[1].startswith("✓  split     1.0 s  ü ")
    assert lines[1].endswith("…")
    assert len(lines[1]) <= width


def test_lines_are_shown_as_they_are():
    table = LiveTable(STEPS)
    table.started("train")
    table.said("train", "[red]x[/red] :cat:")
    assert rendered(table)[2].endswith("[red]x[/red] :cat:")


def test_plain_lines_say_every_event():
    console = Console(file=io.StringIO(), width=40)
    lines = PlainLines(console)
    long = "[red]x[/red] :cat: " + "as long as it takes " * 5
    lines.started("train")
    lines.said("train", long)
    lines.finished("train", 12.34)
    lines.failed("evaluate", 0.5)
    lines.reused("split")
    assert console.file.getvalue().splitlines() == [
        "    train | begins",
        f"    train | {long}",
        "    train | done in 12.3 s",
        " evaluate | failed after 0.5 s",
        "    split | unchanged since an earlier run, reused",
    ]


def test_a_log_gets_lines_and_a_terminal_the_table():
    log = Console(file=io.StringIO())
    with shown(log, STEPS) as progress:
        progress.started("ingest")
    assert log.file.getvalue() == "   ingest | begins\n\n"
    console = terminal()
    with shown(console, STEPS) as progress:
        progress.started("ingest")
        progress.finished("ingest", 1)
    assert "✓  ingest" in console.file.getvalue()


def test_ctrl_c_marks_the_step_that_was_running():
    def run_and_stop():
        with shown(console, STEPS) as progress:
            progress.started("ingest")
            raise KeyboardInterrupt

    console = terminal()
    with pytest.raises(KeyboardInterrupt):
        run_and_stop()
    assert "■  ingest" in console.file.getvalue()
