"""Files that lie behind a network, copied here ahead of the decoding: many at once, a bounded number, in order.

They wait on disk: in memory a large one would be there twice, here and in the process that decodes it, and longer than
it takes to decode it.
"""

from collections import deque
from collections.abc import Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from components._objects import UnreachableError
from components.ingest.decode.one_image import Refusal, unreadable
from components.ingest.decode.process import Task
from components.ingest.source.files import local_file
from components.ingest.source.listing import SourceImage

READS = 16  # at once: a request waits some 50 ms for its first byte, as long as 16 images take to decode


def read_ahead(images: Iterable[SourceImage], scratch: Path) -> Generator[Task | Refusal, None, None]:
    """Turns images into tasks, in order; copies those behind a network, and leaves local files where they are.

    Args:
        images: What to decode.
        scratch: An existing folder for the copies; see `copy_of`.

    Yields:
        For each image its task, numbered from 0, or why it cannot be read.

    Raises:
        UnreachableError: If storage is out of reach for now. Going on would give a data set without its images.
        OSError: If a copy cannot be written.
    """
    waiting: deque[tuple[int, SourceImage, Future[None] | None]] = deque()
    pool = ThreadPoolExecutor(READS, "read")  # starts threads only for what is submitted
    try:
        for number, image in enumerate(images):
            save = image.file.save
            waiting.append((number, image, pool.submit(save, copy_of(scratch, number)) if save else None))
            if len(waiting) > READS:
                yield _task(*waiting.popleft(), scratch)
        while waiting:
            yield _task(*waiting.popleft(), scratch)
    finally:
        pool.shutdown(cancel_futures=True)


def copy_of(scratch: Path, number: int) -> Path:
    """Returns where the copy of a remote image lies until whoever takes the tasks removes it."""
    return scratch / f"{number}.remote"


def _task(number: int, image: SourceImage, saving: Future[None] | None, scratch: Path) -> Task | Refusal:
    if not saving:
        return Task(number, image.file.size_bytes, image.file.read)
    try:
        saving.result()
    except (UnreachableError, OSError):
        raise
    except Exception as error:  # clients raise all sorts; one bad object must not end the step
        return Refusal("unreadable", unreadable(error))
    copy = local_file(copy_of(scratch, number))
    return Task(number, copy.size_bytes, copy.read)
