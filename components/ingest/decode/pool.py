"""Decoding processes that share the work: which image goes where, and what is done when one ends before its time.

Each process has a connection of its own and counts the images it has done, so that the one it was at is known when it
hangs or crashes, and no lock is shared that it could leave locked. Pools at hand (concurrent.futures, pebble) know
only which batch it was.
"""

import signal
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import replace
from multiprocessing.connection import wait

from components.ingest.decode.memory import SMALL_BYTES
from components.ingest.decode.one_image import Picture, Postponed, Refusal
from components.ingest.decode.process import DecodingProcess, Task
from components.ingest.parameters import IngestParameters

# What a process is given at a time: some 50 ms of work, so that waiting for more costs less than a hundredth of it.
BATCH_IMAGES = 32
BATCH_BYTES = 2 * 2**20
# Pictures that wait for an earlier one; then nothing new is begun, or one slow image would fill the memory.
WAITING_BYTES = 16 * 2**20
# Images that wait for memory; then nothing new is begun either, or the copies of remote ones would fill the disk.
POSTPONED_IMAGES = 32


def decode_in_order(
    tasks: Iterable[Task | Refusal],
    parameters: IngestParameters,
    workers: int,
    finished: Callable[[int], object],
) -> Generator[Picture | Refusal, None, None]:
    """Decodes images in parallel processes.

    Args:
        tasks: Numbered from 0; a refusal stands for a file that could not be read.
        parameters: Of the step.
        workers: Number of processes, at most.
        finished: Told a task's number when its file is not read any more, long before its turn perhaps.

    Yields:
        For each task, in order: the picture, or why there is none.

    Raises:
        RuntimeError: If a process ends before it has begun to work.
    """
    pool = _Pool(tasks, parameters, workers, finished)
    try:
        pool.hand_out()
        while pool.busy():
            pool.collect()
            pool.hand_out()
            yield from pool.next_in_order()
            if not pool.busy():
                pool.hand_out()  # what had to wait until others were taken
        yield from pool.next_in_order()
    finally:
        pool.kill()


class _Pool:
    def __init__(
        self,
        tasks: Iterable[Task | Refusal],
        parameters: IngestParameters,
        workers: int,
        finished: Callable[[int], object],
    ) -> None:
        self._upcoming, self._tell_finished = enumerate(tasks), finished
        self._parameters = parameters
        self._workers = workers
        self._processes: list[DecodingProcess] = []
        self._returned: deque[Task] = deque()  # of processes that ended before they came to them
        # Done in a process that ended before it said so, and their numbers. Each goes alone, and its process ends with
        # it: one of them may have done the damage that another image was lost by.
        self._unanswered: deque[Task] = deque()
        self._suspects: set[int] = set()
        self._postponed: deque[Task] = deque()
        self._finished: dict[int, Picture | Refusal] = {}
        self._waiting_bytes = 0
        self._next = 0

    def busy(self) -> list[DecodingProcess]:
        return [process for process in self._processes if process.tasks]

    def hand_out(self) -> None:
        """Gives every process work that has none; starts processes as long as there is work for them."""
        while len(self.busy()) < self._workers and (batch := self._batch()):
            idle = next((process for process in self._processes if not process.tasks), None) or self._start()
            idle.give(batch)

    def next_in_order(self) -> Iterator[Picture | Refusal]:
        while (outcome := self._finished.pop(self._next, None)) is not None:
            self._next += 1
            self._waiting_bytes -= _size_bytes(outcome)
            yield outcome

    def collect(self) -> None:
        """Waits until something is done, and ends what takes too long."""
        busy, now_s = self.busy(), time.monotonic()
        left_s = [left_s for process in busy if (left_s := process.left_s(now_s)) is not None]
        ready = wait([process.connection for process in busy], max(0, min(left_s)) if left_s else None)
        now_s = time.monotonic()
        for process in busy:
            left = process.left_s(now_s)
            if process.connection in ready:
                self._receive(process)
            elif left is not None and left <= 0:
                limit = f"{self._parameters.image_timeout_s:g} s"
                self._end(process, Refusal("too slow", f"not decoded within {limit} (--image-timeout-s)"))

    def kill(self) -> None:
        for process in self._processes:
            process.kill()

    def _start(self) -> DecodingProcess:
        self._processes.append(DecodingProcess(self._parameters))
        return self._processes[-1]

    def _batch(self) -> list[Task]:
        large_bytes = self._parameters.image_memory_mb * 10**6
        if self._postponed and self._granted_bytes() + self._postponed[0].granted_bytes <= large_bytes:
            return [self._postponed.popleft()]
        if self._unanswered:
            return [self._unanswered.popleft()]
        batch: list[Task] = []
        while len(batch) < BATCH_IMAGES and sum(task.size_bytes for task in batch) < BATCH_BYTES:
            task = self._returned.popleft() if self._returned else self._new()
            if not task:
                break
            batch.append(task)
        return batch

    def _granted_bytes(self) -> int:
        granted = (process.tasks[0].granted_bytes for process in self.busy())
        return sum(size_bytes for size_bytes in granted if size_bytes > SMALL_BYTES)

    def _new(self) -> Task | None:
        if self._waiting_bytes > WAITING_BYTES or len(self._postponed) >= POSTPONED_IMAGES:
            return None
        for number, task in self._upcoming:
            if isinstance(task, Task):
                return task
            self._finish(number, task)
        return None

    def _receive(self, process: DecodingProcess) -> None:
        try:
            answers = process.receive()
        except EOFError:
            self._end(process, None)
            return
        for task, outcome in answers:
            if isinstance(outcome, Postponed):
                self._postponed.append(replace(task, granted_bytes=outcome.needed_bytes))
            else:
                self._finish(task.number, outcome)
            if task.number in self._suspects:
                self._processes.remove(process)
                process.kill()

    def _end(self, process: DecodingProcess, refusal: Refusal | None) -> None:
        """Ends a process, refuses the image it was at, if it was at one, and takes back the others."""
        self._processes.remove(process)
        code = process.kill()
        if process.since_s is None:
            raise RuntimeError(f"a decoding process ended with exit code {code} before it began to work")
        self._unanswered += process.take_back_unanswered()
        self._suspects.update(task.number for task in self._unanswered)
        if process.tasks and not process.ended_idle:
            self._finish(process.tasks.popleft().number, refusal or _crash(code))
        for task in process.tasks:
            (self._postponed if task.granted_bytes > SMALL_BYTES else self._returned).append(task)

    def _finish(self, number: int, outcome: Picture | Refusal) -> None:
        self._tell_finished(number)
        self._finished[number] = outcome
        self._waiting_bytes += _size_bytes(outcome)


def _size_bytes(outcome: Picture | Refusal) -> int:
    return len(outcome.jpeg) if isinstance(outcome, Picture) else 0


def _crash(code: int) -> Refusal:
    if code == -signal.SIGKILL:
        return Refusal("too large", "the system ended its decoder (SIGKILL), as it does when memory runs out")
    name = signal.Signals(-code).name if code < 0 else f"exit code {code}"
    return Refusal("damaged", f"its decoder crashed ({name})")
