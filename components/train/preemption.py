"""Being told to end: by Ctrl-C, or by Kubernetes and Vertex AI, which send SIGTERM before they take a machine away."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import NoReturn

# 128 + SIGTERM. Kubeflow's TFJob starts a replica again if it exits with a status of 128 or more.
PREEMPTED_STATUS = 143

LAST_CHECKPOINT = "No step was under way: what has been kept is the last checkpoint, if there is one"


class Preemption:
    """Heeds SIGTERM and Ctrl-C: at once, or, where that is postponed, by remembering it for who asks.

    While TensorFlow traces or computes it has to be postponed. It calls Python back in the middle of both, and makes of
    what is raised there another error, nothing at all, or now and then a crash.

    Args:
        step: Name of the step that is told.
        kept: Sentence about what has been kept, without its full stop; None leaves it to who ends.

    Attributes:
        requested: Whether the process has been told to end.
    """

    def __init__(self, step: str = "train", kept: str | None = None) -> None:
        self._step, self._kept = step, kept
        self._signal, self._postponed = signal.SIGTERM, False
        self.requested = False

    def heed_signals(self) -> None:
        """Installs the handlers; to be called in the main thread."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)

    @contextmanager
    def postponing(self) -> Iterator[None]:
        """Has it remembered in the block, where somebody is to ask now and then."""
        before, self._postponed = self._postponed, True
        try:
            yield
        finally:
            self._postponed = before

    def end_if_requested(self) -> None:
        """Ends the process if it has been told to; see `end`."""
        if self.requested:
            self.end(LAST_CHECKPOINT)

    def end(self, kept: str) -> NoReturn:
        """Ends the process with the status that tells the platform to start it again.

        Args:
            kept: Sentence about what has been kept, unless the step says the same always.

        Raises:
            SystemExit: Always, with status 128 + the signal's number: 143 after SIGTERM.
        """
        message = (
            f"{self._step}: told to end ({self._signal.name}). {self._kept or kept}. Run the same command again to go "
            "on."
        )
        with suppress(OSError):  # whoever read may have ended by the same Ctrl-C
            print(message, file=sys.stderr, flush=True)  # noqa: T201 - the step's voice
        raise SystemExit(128 + self._signal)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 - as Python calls it
        if self.requested:
            return
        self._signal, self.requested = signal.Signals(number), True
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # who presses Ctrl-C again won't wait
        if not self._postponed:
            self.end_if_requested()
        if number == signal.SIGINT:
            with suppress(OSError):  # not by print, which may be under way
                os.write(2, f"\n{self._step}: ends after the step under way; Ctrl-C again ends it at once\n".encode())
