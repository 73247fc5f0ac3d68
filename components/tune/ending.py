"""Being told to end, by Ctrl-C or by a platform that takes the machine away."""

import signal
import sys
from types import FrameType
from typing import NoReturn


def end_when_told() -> None:
    """Makes SIGTERM and Ctrl-C end this process at once, after the trial under way has been handed back."""
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signal_number, _end)


def _end(signal_number: int, frame: FrameType | None) -> NoReturn:  # noqa: ARG001 - as Python calls it
    for again in (signal.SIGTERM, signal.SIGINT):
        signal.signal(again, signal.SIG_IGN)  # handing the trial back takes a moment
    name = signal.Signals(signal_number).name
    message = (
        f"tune: told to end ({name}). Trials that have ended are kept, one that had not will begin again. Run the same "
        "command again to go on."
    )
    print(message, file=sys.stderr, flush=True)  # noqa: T201 - the step's voice
    raise SystemExit(128 + signal_number)
