"""A process that decodes images one after the other, and can be ended in the middle of one.

Image decoders are large programs in C that read what strangers made. In a process of its own one that crashes or
hangs takes nothing with it but its image, and the system takes back whatever memory it held.
"""

import ctypes
import gc
import signal
import sys
import time
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.resource_tracker import ensure_running

import cv2

from components.ingest.decode.memory import SMALL_BYTES
from components.ingest.decode.one_image import Picture, Postponed, Refusal, store_image
from components.ingest.parameters import IngestParameters

# Work behind an answer: each wakes the parent, which costs as much as a tenth of a small image.
ANSWER_S = 0.01
_PR_SET_PDEATHSIG = 1  # prctl(2)
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # mallopt(3)
_KEPT_BYTES, _RETURNED_BYTES = 16 * 2**20, 4 * 2**20


@dataclass(frozen=True, slots=True)
class Task:
    """An image to decode.

    Attributes:
        number: Its place in the source.
        size_bytes: Size of the file, as far as known.
        read: Returns its bytes; can be pickled.
        granted_bytes: How much memory decoding it may take.
    """

    number: int
    size_bytes: int
    read: Callable[[], bytes]
    granted_bytes: int = SMALL_BYTES


@dataclass(eq=False)
class DecodingProcess:
    """A running process and what it has to do.

    Attributes:
        connection: Has something to read when images are done or the process has ended.
        tasks: What it was given and has not answered; it is at the first, or has done it within the last `ANSWER_S`.
        since_s: When it began with the first, by the monotonic clock; None while it starts.
        ended_idle: Whether it had ended before it was given its tasks; then none of them is to blame.
    """

    parameters: IngestParameters
    tasks: deque[Task] = field(default_factory=deque)
    since_s: float | None = None
    ended_idle: bool = False

    def __post_init__(self) -> None:
        context = get_context("spawn")  # a fork would copy the locks of threads that it does not copy
        self.connection, theirs = context.Pipe()
        self._done, self._answered = context.RawValue("Q"), 0
        self._process = context.Process(target=_work, args=(theirs, self._done, self.parameters), daemon=True)
        ensure_running()  # the first start would start it, and it then unblocks what is blocked here
        with _without_interrupts():
            self._process.start()
        theirs.close()

    def give(self, tasks: Sequence[Task]) -> None:
        """Hands tasks to a process that has none; one that has ended says so when it is asked to `receive`."""
        self.tasks.extend(tasks)
        if self.since_s:
            self.since_s = time.monotonic()
        try:
            self.connection.send([(task.size_bytes, task.granted_bytes, task.read) for task in tasks])
        except ConnectionError:
            self.ended_idle = True

    def receive(self) -> list[tuple[Task, Picture | Refusal | Postponed]]:
        """Receives what came of the first tasks; of none of them when the process says that it has started.

        Raises:
            EOFError: If the process has ended.
        """
        try:
            answers: list[Picture | Refusal | Postponed] = self.connection.recv()
        except OSError as error:  # a ConnectionError, or a bare OSError where a message breaks off
            raise EOFError from error
        self.since_s = time.monotonic()
        self._answered += len(answers)
        return [(self.tasks.popleft(), answer) for answer in answers]

    def take_back_unanswered(self) -> list[Task]:
        """Returns tasks that an ended process had done without an answer; then the first of `tasks` is to blame."""
        return [self.tasks.popleft() for _ in range(self._done.value - self._answered)]

    def left_s(self, now_s: float) -> float | None:
        """Returns how long the first task may still take; None if the clock is not running."""
        return self.parameters.image_timeout_s - (now_s - self.since_s) if self.since_s and self.tasks else None

    def kill(self) -> int:
        """Ends the process, whatever it is at, and returns its exit code."""
        self._process.kill()
        self._process.join()
        code = self._process.exitcode or 0
        self._process.close()
        self.connection.close()
        return code


@contextmanager
def _without_interrupts() -> Iterator[None]:
    """Starts what is started in the block with Ctrl-C blocked: it is for the parent, which ends its processes."""
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _work(connection: Connection, done: ctypes.c_ulonglong, parameters: IngestParameters) -> None:
    _end_with_parent()
    _return_memory()
    cv2.setNumThreads(1)  # the images are the parallel work
    gc.freeze()  # what has been imported stays
    warnings.simplefilter("ignore")  # Pillow's, on what is odd but can be read
    try:
        connection.send([])
        while True:
            answers, since_s = list[Picture | Refusal | Postponed](), time.monotonic()
            for size_bytes, granted_bytes, read in connection.recv():
                answers.append(store_image(read, size_bytes, parameters, granted_bytes))
                done.value += 1
                if (now_s := time.monotonic()) - since_s > ANSWER_S:
                    connection.send(answers)
                    answers, since_s = [], now_s
            if answers:
                connection.send(answers)
    except (EOFError, ConnectionError):
        pass  # there is nobody left to work for


def _end_with_parent() -> None:
    """Has the system end this process with its parent, even in the middle of a decoder that hangs (Linux only)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _return_memory() -> None:
    """Has large blocks go back to the system when they are freed, and small ones stay for the next image.

    Left to itself glibc learns from the first large image to keep them all. Where there is another C library, it
    does as it likes.
    """
    with suppress(AttributeError, OSError, TypeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_M_MMAP_THRESHOLD, _RETURNED_BYTES)
        mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)  # or each image's pages would be fetched anew: 1 ms for a small one
