"""Where commands print, and how errors look that a person can put right."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.text import Text

from components._errors import InputError

INTERRUPTED = 130  # as a shell reports Ctrl-C; typer exits with it


def new_console(*, stderr: bool = False) -> Console:
    """Returns a console that shows text as it is: paths and messages may hold what rich takes for markup.

    It stays with the stream of this moment: a run sends whatever else is printed to a file.
    """
    return Console(file=sys.stderr if stderr else sys.stdout, markup=False, emoji=False, highlight=False)


def _print_error(console: Console, title: str, message: str) -> None:
    text = Text.assemble((f"{title}: ", "bold red"), message)
    console.print(text, soft_wrap=not console.is_terminal)


@contextmanager
def errors_for_people() -> Iterator[None]:
    """Shows an error in one message, without a stack trace, and exits with a status other than 0."""
    from pipelines.local.step import StepFailedError  # noqa: PLC0415 - --help does without

    console = new_console(stderr=True)
    try:
        yield
    except InputError as error:
        _print_error(console, "error", str(error))
        sys.exit(2)
    except StepFailedError as error:
        _print_error(console, f"{error.step} failed", error.reason)
        console.print(f"log: {error.log}", soft_wrap=True)
        sys.exit(1)
    except SystemExit as end:
        if end.code == INTERRUPTED:
            console.print("stopped; nothing is left running")
        raise
