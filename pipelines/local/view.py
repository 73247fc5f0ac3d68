"""What a person sees of a run: a live table in a terminal, plain lines elsewhere."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from rich.console import Console, Group
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from pipelines.local.step import Progress, Stopwatch

State = Literal["waiting", "running", "done", "reused", "failed", "stopped"]
MARKS = {
    "waiting": ("·", "dim"),
    "done": ("✓", "green"),
    "reused": ("↺", "cyan"),
    "failed": ("✗", "bold red"),
    "stopped": ("■", "yellow"),
}


@dataclass
class _Row:
    state: State = "waiting"
    line: str = ""
    seconds: float = 0.0
    clock: Stopwatch | None = None


class LiveTable:
    """One row a step: mark, name, seconds, and the last thing it said.

    Args:
        steps: Names in the order of the pipeline.
    """

    def __init__(self, steps: Sequence[str]) -> None:
        self._rows = {step: _Row() for step in steps}
        self._spinner = Spinner("dots", style="cyan")

    def started(self, step: str) -> None:
        """Begins a row's clock."""
        self._rows[step] = _Row("running", clock=Stopwatch())

    def said(self, step: str, line: str) -> None:
        """Shows a step's latest line."""
        self._rows[step].line = line

    def finished(self, step: str, seconds: float) -> None:
        """Marks a step as done; its last line stays."""
        self._end(step, "done", seconds)

    def failed(self, step: str, seconds: float) -> None:
        """Marks a step as failed."""
        self._end(step, "failed", seconds)

    def reused(self, step: str) -> None:
        """Marks a step as taken from an earlier run."""
        self._rows[step] = _Row("reused", "unchanged since an earlier run")

    def stopped(self) -> None:
        """Marks the step that was running when a person stopped the run."""
        for step, row in self._rows.items():
            if row.clock:
                self._end(step, "stopped", row.clock.seconds)

    def _end(self, step: str, state: State, seconds: float) -> None:
        row = self._rows[step]
        row.state, row.seconds, row.clock = state, seconds, None

    def __rich__(self) -> Group:
        """Renders the table, and an empty line where the terminal echoes a person's Ctrl-C."""
        table = Table.grid(padding=(0, 2))
        table.add_column(width=1)
        table.add_column(style="bold", no_wrap=True)
        table.add_column(justify="right", min_width=7, no_wrap=True)
        table.add_column()  # alone gives way in a narrow terminal
        for step, row in self._rows.items():
            mark = self._spinner if row.state == "running" else Text(*MARKS[row.state])
            seconds = row.clock.seconds if row.clock else row.seconds
            line = Text(row.line, style="dim", no_wrap=True, overflow="ellipsis")
            table.add_row(mark, step, f"{seconds:.1f} s" if seconds else "", line)
        return Group(table, "")


class PlainLines:
    """One line an event, for logs and pipes.

    Args:
        console: Where to print.
    """

    def __init__(self, console: Console) -> None:
        self._console = console

    def started(self, step: str) -> None:
        """Says that a step begins."""
        self._say(step, "begins")

    def said(self, step: str, line: str) -> None:
        """Passes a step's line on."""
        self._say(step, line)

    def finished(self, step: str, seconds: float) -> None:
        """Says that a step is done."""
        self._say(step, f"done in {seconds:.1f} s")

    def failed(self, step: str, seconds: float) -> None:
        """Says that a step failed."""
        self._say(step, f"failed after {seconds:.1f} s")

    def reused(self, step: str) -> None:
        """Says that a step is taken from an earlier run."""
        self._say(step, "unchanged since an earlier run, reused")

    def _say(self, step: str, text: str) -> None:
        self._console.print(Text(f"{step:>9} | {text}"), soft_wrap=True)


@contextmanager
def shown(console: Console, steps: Sequence[str]) -> Iterator[Progress]:
    """Yields what shows a run: a live table if the console is a terminal, plain lines if not."""
    if not console.is_terminal:
        yield PlainLines(console)
        console.print()
        return
    table = LiveTable(steps)
    with Live(table, console=console, refresh_per_second=8, redirect_stdout=False, redirect_stderr=False):
        try:
            yield table
        except KeyboardInterrupt:
            table.stopped()
            raise
