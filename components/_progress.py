"""What a step says while it works: a bar for whoever sits at a terminal, plain lines for logs."""

import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

from tqdm import tqdm

from components._text import visible

T = TypeVar("T")

_INTERVAL_S = 1.0


def say(step: str, line: str) -> None:
    """Prints a line at once, also where the output is a file or a pipe; names in it can't break it."""
    print(f"{step}: {visible(line)}", flush=True)  # noqa: T201 - the step's voice


def with_progress(step: str, items: Iterable[T], total: int) -> Iterator[T]:
    """Passes items on, and shows how many have come, how fast, and how long the others will take.

    Args:
        step: Name of the step.
        items: Images, in any form.
        total: Number of them.

    Yields:
        The items.
    """
    if sys.stderr.isatty():
        yield from tqdm(items, step, total, unit=" images", dynamic_ncols=True)
    else:
        yield from _with_lines(step, items, total)


def _with_lines(step: str, items: Iterable[T], total: int) -> Iterator[T]:
    """Says about once a second how many have come, and in the end how many did."""
    began = said = time.monotonic()
    done = 0
    for done, item in enumerate(items, 1):
        yield item
        now = time.monotonic()
        if now - said >= _INTERVAL_S:
            said, per_second = now, done / (now - began)
            left_s = (total - done) / per_second
            say(step, f"{done} of {total} images, {per_second:.0f} images/s, {left_s:.0f} s left")
    elapsed_s = time.monotonic() - began
    per_second = done / elapsed_s if elapsed_s else 0
    say(step, f"{done} of {total} images in {elapsed_s:.1f} s, {per_second:.0f} images/s")
