"""Being told to end: Kubernetes and Vertex AI send SIGTERM some seconds before they take a machine away."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

# 128 + SIGTERM. Kubeflow's TFJob starts a replica again if it exits with a status of 128 or more.
PREEMPTED_STATUS = 143

_LAST_CHECKPOINT = "No step was under way: what has been kept is the last checkpoint, if there is one"


class Preemption:
    """Heeds SIGTERM: at once, or, once `postponed` is set, by remembering it for who asks.

    Attributes:
        requested: Whether SIGTERM has come.
        postponed: Whether somebody asks for `requested` and will call `end`.
    """

    def __init__(self) -> None:
        self.requested = self.postponed = False

    def heed_sigterm(self) -> None:
        """Installs the handler; to be called in the main thread."""
        signal.signal(signal.SIGTERM, self._on_sigterm)

    @contextmanager
    def postponing(self) -> Iterator[None]:
        """Has SIGTERM remembered in the block for who asks; what nobody has asked for ends the process behind it."""
        before, self.postponed = self.postponed, True
        try:
            yield
        finally:
            self.postponed = before
        if self.requested and not self.postponed:
            end(_LAST_CHECKPOINT)

    def _on_sigterm(self, signal_number: int, frame: FrameType | None) -> None:  # noqa: ARG002 - as Python calls it
        self.requested = True
        if not self.postponed:
            end(_LAST_CHECKPOINT)


def end(what_was_kept: str) -> None:
    """Ends the process with the status that tells the platform to start it again.

    Args:
        what_was_kept: A sentence without its full stop.

    Raises:
        SystemExit: Always, with status 143.
    """
    message = f"train: told to end (SIGTERM). {what_was_kept}. Run the same command again to go on."
    print(message, file=sys.stderr, flush=True)  # noqa: T201 - the step's voice
    raise SystemExit(PREEMPTED_STATUS)
