"""Words and numbers for people, alike on pages and in terminals."""

import math
from collections.abc import Sequence
from dataclasses import dataclass


def visible(text: str) -> str:
    r"""Shows what has no glyph of its own as its escape: a line break becomes `\n`, a terminal's escape `\x1b`.

    Names of files and folders may hold anything. So they stay on their line, and can neither colour a
    terminal nor turn the direction of a page's text.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def counted(number: int, noun: str, plural: str = "") -> str:
    """Returns `1 image`, `1,200 images`; `plural` where an s does not do."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def listed(texts: Sequence[str], limit: int = 5) -> str:
    """Returns `a, b, c`, or the first few `and 7 more`."""
    more = f" and {len(texts) - limit:,} more" if len(texts) > limit else ""
    return ", ".join(texts[:limit]) + more


def percent(share: float) -> str:
    """Returns a share in [0, 1] as `12.5 %`; what is not quite nothing or everything does not read as it."""
    if 0 < share < 0.0005:
        return "< 0.1 %"
    if 0.9995 <= share < 1:
        return "> 99.9 %"
    return f"{100 * share:.1f} %"


def ratio(value: float) -> str:
    """Returns how many times larger one thing is than another: `1.3`, `15`, `1,200`; `∞` than nothing."""
    if math.isinf(value):
        return "∞"
    return f"{value:.1f}" if value < 9.95 else f"{value:,.0f}"


def duration(seconds: float) -> str:
    """Returns how long something took: `4.2 s`, `3 min 20 s`, `2 h 5 min`."""
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


@dataclass(frozen=True)
class Finding:
    """One thing to know about an artifact, for its page and for the terminal.

    Attributes:
        text: A sentence.
        section: The page's section that says more.
        is_problem: Whether somebody should do something about it.
    """

    text: str
    section: str
    is_problem: bool = True
