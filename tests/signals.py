"""What a program started in the background lacks: Ctrl-C."""

import signal


def take_signals() -> None:
    """Undoes what a shell does to background jobs: they ignore Ctrl-C, and a child inherits that."""
    for ending in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, signal.SIG_DFL)
