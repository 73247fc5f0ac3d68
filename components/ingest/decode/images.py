"""Source files to stored images: decoded, upright, scaled down, measured, encoded again; in parallel."""

from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from components._processors import processors
from components.ingest.decode.one_image import Picture, Refusal
from components.ingest.decode.pool import decode_in_order
from components.ingest.decode.reading import copy_of, read_ahead
from components.ingest.parameters import IngestParameters, QualityFlag
from components.ingest.rejected import Rejected
from components.ingest.source.listing import SourceImage


@dataclass(frozen=True, slots=True)
class StoredImage:
    """What a row says of an image, all but the pixels and its group; see `formats/records.py`."""

    id: str
    label: str
    image_bytes: int
    width_px: int
    height_px: int
    source_uri: str
    source_width_px: int
    source_height_px: int
    group_key: str | None
    perceptual_hash: int
    sharpness: float
    brightness: float
    entropy_bits: float
    quality_flags: tuple[QualityFlag, ...]


def decode_images(
    images: Iterable[SourceImage], parameters: IngestParameters, scratch: Path, workers: int | None = None
) -> Iterator[tuple[StoredImage, bytes] | Rejected]:
    """Decodes images in parallel processes; see `process.py` for why.

    An image that takes longer than `parameters.image_timeout_s`, crashes its decoder or takes too much memory is
    rejected, and the others go on.

    Args:
        images: What to decode.
        parameters: How to scale, and what to reject.
        scratch: An existing folder for what is copied from a network; nothing is left in it.
        workers: Number of processes; by default the processors this process may use.

    Yields:
        For each image, in order: the image and its JPEG, or why there is none.

    Raises:
        UnreachableError: If storage is out of reach for now.
        OSError: If something from a network cannot be written to the scratch folder.
    """
    begun: deque[SourceImage] = deque()  # handed to the pool, which gives answers in the same order
    with TemporaryDirectory(dir=scratch) as folder:
        copies = Path(folder)

        def remove_copy(number: int) -> None:
            copy_of(copies, number).unlink(missing_ok=True)

        with (
            closing(read_ahead(_noted(images, begun), copies)) as tasks,
            closing(decode_in_order(tasks, parameters, workers or processors(), remove_copy)) as outcomes,
        ):
            yield from (_result(begun.popleft(), outcome) for outcome in outcomes)


def _result(image: SourceImage, outcome: Picture | Refusal) -> tuple[StoredImage, bytes] | Rejected:
    if isinstance(outcome, Picture):
        return _stored(image, outcome), outcome.jpeg
    return Rejected(image.source_uri, image.label, outcome.kind, outcome.reason)


def _noted(images: Iterable[SourceImage], begun: deque[SourceImage]) -> Iterator[SourceImage]:
    for image in images:
        begun.append(image)
        yield image


def _stored(image: SourceImage, picture: Picture) -> StoredImage:
    return StoredImage(
        id=picture.id,
        label=image.label,
        image_bytes=len(picture.jpeg),
        width_px=picture.width_px,
        height_px=picture.height_px,
        source_uri=image.source_uri,
        source_width_px=picture.source_width_px,
        source_height_px=picture.source_height_px,
        group_key=image.group_key,
        perceptual_hash=picture.perceptual_hash,
        sharpness=picture.quality.sharpness,
        brightness=picture.quality.brightness,
        entropy_bits=picture.quality.entropy_bits,
        quality_flags=picture.quality.flags,
    )
