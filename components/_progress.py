"""What a step says while it works: plain lines for whoever watches."""

import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")

_INTERVAL_S = 1.0


def say(step: str, line: str) -> None:
    """Prints a line at once, also where the output is a file or a pipe."""
    print(f"{step}: {line}", flush=True)  # noqa: T201 - the step's voice


def with_progress(step: str, items: Iterable[T], total: int) -> Iterator[T]:
    """Passes items on, and says about once a second how many have come.

    Args:
        step: Name of the step.
        items: Images, in any form.
        total: Number of them.

    Yields:
        The items.
    """
    began = said = time.monotonic()
    for done, item in enumerate(items, 1):
        yield item
        now = time.monotonic()
        if now - said >= _INTERVAL_S:
            said, per_second = now, done / (now - began)
            left_s = (total - done) / per_second
            say(step, f"{done} of {total} images, {per_second:.0f} images/s, {left_s:.0f} s left")
