"""What all inspections are written with: headings, lines, tables and bars that need no colour."""

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from components._text import Finding, visible

_EIGHTHS = " ▏▎▍▌▋▊▉█"
_NAME_WIDTH = 24


def print_head(console: Console, title: str, summary: str, findings: Sequence[Finding]) -> None:
    """Prints what an artifact is, and what stands out in it."""
    blank_line = [""] if findings else []
    console.print(Text.assemble((title, "bold"), f"  {summary}"), *blank_line, sep="\n", soft_wrap=True)
    for finding in findings:
        mark = ("! ", "bold red") if finding.is_problem else ("· ", "dim")
        console.print(Text.assemble(mark, visible(finding.text)), soft_wrap=not console.is_terminal)


def print_heading(console: Console, title: str, more: str = "") -> None:
    """Prints the heading of a section."""
    console.print("", Text.assemble((title, "bold"), f"  {more}" if more else ""), sep="\n")


def print_line(console: Console, text: str, *, indent: int = 2, style: str = "") -> None:
    """Prints one line that stays whole, so that a path in it can be copied."""
    console.print(Text(" " * indent + visible(text), style=style), soft_wrap=True)


def table(*columns: str) -> Table:
    """Returns a table of a name and numbers; an empty column is for a bar."""
    empty = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    empty.add_column(columns[0], overflow="fold", max_width=_NAME_WIDTH)
    for column in columns[1:]:
        empty.add_column(column, justify="right" if column else "left", no_wrap=True)
    return empty


def name(text: str) -> Text:
    """Returns a class name, fit for a terminal."""
    return Text(visible(text))


def bar(share: float, width: int) -> Text:
    """Returns a bar of up to `width` characters, fine to an eighth of one."""
    eighths = round(8 * width * share)
    if share and not eighths:
        eighths = 1  # little is not nothing
    return Text("█" * (eighths // 8) + _EIGHTHS[eighths % 8].strip(), style="blue")


def stacked_bar(shares: Iterable[tuple[float, str, str]], width: int) -> Text:
    """Returns a bar of `width` characters in parts.

    Args:
        shares: (share, character, style) of each part; the shares add up to 1, or to 0 for an empty bar.
        width: Number of characters.
    """
    bar, end, reached = Text(), 0, 0.0
    for share, character, style in shares:
        reached += share
        begin, end = end, round(width * reached)
        bar.append(character * (end - begin), style)
    return bar
