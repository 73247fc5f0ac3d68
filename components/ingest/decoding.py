"""Source files to stored images: decoded, upright, scaled down, hashed, encoded again; in parallel."""

import hashlib
import os
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import cv2

from components._errors import InputError
from components.formats import pixels
from components.ingest.perceptual_hash import perceptual_hash
from components.ingest.sources import Rejected, SourceImage

WAITING_PER_WORKER = 4  # decoded images that wait for their turn: bounds memory


@dataclass(frozen=True, slots=True)
class StoredImage:
    """What a row says of an image, all but the pixels and its group; see `formats/records.py`."""

    id: str
    label: str
    width_px: int
    height_px: int
    source_uri: str
    source_width_px: int
    source_height_px: int
    perceptual_hash: int


def decode_images(
    sources: Iterable[SourceImage], shorter_side_px: int, workers: int | None = None
) -> Iterator[tuple[StoredImage, bytes] | Rejected]:
    """Decodes images in parallel threads; the decoders work outside Python's lock.

    Args:
        sources: What to decode.
        shorter_side_px: Larger images are scaled down to this shorter side.
        workers: Number of threads; by default the processors this process may use.

    Yields:
        For each source, in order: the image and its JPEG, or why there is none.
    """
    workers = workers or _processors()
    cv2.setNumThreads(1)  # the images are the parallel work
    waiting: deque[Future[tuple[StoredImage, bytes] | Rejected]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        for source in sources:
            waiting.append(pool.submit(partial(_decode_or_reject, source, shorter_side_px)))
            if len(waiting) >= workers * WAITING_PER_WORKER:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _processors() -> int:
    """Counts the processors this process may use, where the system tells (Linux does)."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _decode_or_reject(source: SourceImage, shorter_side_px: int) -> tuple[StoredImage, bytes] | Rejected:
    try:
        return _decode(source, shorter_side_px)
    except InputError as error:
        reason = str(error)
    except Exception as error:  # readers and decoders raise all sorts; one bad file must not end the step
        reason = f"{type(error).__name__}: {error}"
    return Rejected(source.source_uri, source.label, reason)


def _decode(source: SourceImage, shorter_side_px: int) -> tuple[StoredImage, bytes]:
    data = source.read()
    source_width_px, source_height_px = pixels.upright_size_px(data)
    rgb = pixels.decode(data, shorter_side_px)
    image = StoredImage(
        id=hashlib.sha256(data).hexdigest(),
        label=source.label,
        width_px=rgb.shape[1],
        height_px=rgb.shape[0],
        source_uri=source.source_uri,
        source_width_px=source_width_px,
        source_height_px=source_height_px,
        perceptual_hash=perceptual_hash(rgb),
    )
    return image, pixels.encode_jpeg(rgb)
