"""What tests of whole programs share."""

import signal
import subprocess
from collections.abc import Callable, Iterator

import pytest

Start = Callable[..., subprocess.Popen[str]]


def take_signals() -> None:
    """Undoes what a shell does to background jobs: they ignore Ctrl-C, and a child inherits that."""
    for ending in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, signal.SIG_DFL)


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts programs as a person would, in the foreground; none outlives the test."""
    processes: list[subprocess.Popen[str]] = []

    def start_one(command, cwd) -> subprocess.Popen[str]:
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        # PLW1509: what runs before the program only sets signals, which no thread can disturb.
        processes.append(subprocess.Popen(command, cwd=cwd, text=True, preexec_fn=take_signals, **pipes))  # noqa: PLW1509
        return processes[-1]

    yield start_one
    for process in processes:
        process.kill()
        process.communicate()
