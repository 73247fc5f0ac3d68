"""Files that lie behind a network, read ahead: many at once, a bounded number of bytes, in order."""

from collections import deque
from collections.abc import Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor

from components._objects import UnreachableError
from components.ingest.decode.one_image import Refusal, unreadable
from components.ingest.decode.process import Task
from components.ingest.source.listing import SourceImage

READS = 16  # at once: a request waits some 50 ms for its first byte, as long as 16 images take to decode
AHEAD_BYTES = 32 * 2**20
UNKNOWN_BYTES = 4 * 2**20  # what a file of unknown size counts as: a photograph's


def read_ahead(images: Iterable[SourceImage]) -> Generator[Task | Refusal, None, None]:
    """Turns images into tasks, in order; reads those behind a network, and leaves local files to whoever decodes.

    Yields:
        For each image its task, numbered from 0, or why it cannot be read.

    Raises:
        UnreachableError: If storage is out of reach for now. Going on would give a data set without its images.
    """
    waiting: deque[tuple[Task, Future[bytes] | None]] = deque()
    waiting_bytes = 0
    pool = ThreadPoolExecutor(READS, "read")  # starts threads only for what is submitted
    try:
        for number, image in enumerate(images):
            task = Task(number, image.file.size_bytes, image.file.read)
            waiting.append((task, pool.submit(image.file.read) if image.file.remote else None))
            waiting_bytes += _counted_bytes(waiting[-1])
            while len(waiting) > READS or waiting_bytes > AHEAD_BYTES:
                waiting_bytes -= _counted_bytes(waiting[0])
                yield _read(*waiting.popleft())
        while waiting:
            yield _read(*waiting.popleft())
    finally:
        pool.shutdown(cancel_futures=True)


def _counted_bytes(waiting: tuple[Task, Future[bytes] | None]) -> int:
    task, future = waiting
    return (task.size_bytes or UNKNOWN_BYTES) if future else 0


def _read(task: Task, future: Future[bytes] | None) -> Task | Refusal:
    if not future:
        return task
    try:
        content = future.result()
    except UnreachableError:
        raise
    except Exception as error:  # clients raise all sorts; one bad object must not end the step
        return Refusal("unreadable", unreadable(error))
    # The bytes are in memory twice: here, should they have to be sent again, and in the process that decodes them.
    return Task(task.number, 2 * len(content), content)
