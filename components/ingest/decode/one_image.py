"""One source file to one stored picture: what a decoding process does."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from components._errors import InputError
from components.formats import pixels
from components.ingest.decode.memory import decoding_bytes
from components.ingest.decode.perceptual_hash import perceptual_hash
from components.ingest.decode.planes import encode_jpeg, planes
from components.ingest.decode.quality import Quality, quality
from components.ingest.parameters import IngestParameters
from components.ingest.rejected import Kind

JPEG_MAX_SIDE_PX = 65_500  # libjpeg's own limit

_MB = 1_000_000


class Picture(NamedTuple):  # a frozen dataclass takes ten times as long to come out of a pipe
    """A decoded image, ready to be stored; fields as in `StoredImage`."""

    id: str
    jpeg: bytes
    width_px: int
    height_px: int
    source_width_px: int
    source_height_px: int
    perceptual_hash: int
    quality: Quality


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why there is no picture; as in `Rejected`."""

    kind: Kind
    reason: str


@dataclass(frozen=True, slots=True)
class Postponed:
    """An image that takes more memory to decode than it was granted.

    Attributes:
        needed_bytes: How much it takes.
    """

    needed_bytes: int


def store_image(
    read: Callable[[], bytes], size_bytes: int, parameters: IngestParameters, granted_bytes: int
) -> Picture | Refusal | Postponed:
    """Reads, decodes and measures an image, and encodes it as it is to be stored.

    Args:
        read: Returns the file's bytes.
        size_bytes: How many there will be, as far as known.
        parameters: How to scale, and what to refuse.
        granted_bytes: How much memory it may take.

    Returns:
        The picture, or why there is none.
    """
    try:
        return _memory_refusal(size_bytes, parameters, granted_bytes) or _stored(_read(read), parameters, granted_bytes)
    except pixels.ImageError as error:
        return Refusal(error.kind, str(error))
    except _UnreadableError as error:
        return Refusal("unreadable", str(error))


class _UnreadableError(Exception):
    pass


def _read(read: Callable[[], bytes]) -> bytes:
    try:
        return read()
    except Exception as error:  # file systems and archives raise all sorts; one bad file must not end the step
        raise _UnreadableError(unreadable(error)) from error


def unreadable(error: Exception) -> str:
    """Returns the reason for a file that could not be read."""
    return str(error) if isinstance(error, InputError) else f"{type(error).__name__}: {error}"


def _stored(data: bytes, parameters: IngestParameters, granted_bytes: int) -> Picture | Refusal | Postponed:
    with pixels.read_header(data, parameters.max_image_pixels) as image:
        _check_length(image.size, parameters.shorter_side_px)
        needed_bytes = len(data) + decoding_bytes(image, parameters.shorter_side_px)
        if refused := _memory_refusal(needed_bytes, parameters, granted_bytes):
            return refused
        decoded = pixels.decode_opened(image, data, parameters.shorter_side_px)
    scaled = planes(decoded.pixels, parameters.shorter_side_px, decoded.size_px)
    measured = quality(scaled.luma, (decoded.source_width_px, decoded.source_height_px))
    if dropped := [flag for flag in measured.flags if flag in parameters.dropped_flags]:
        return Refusal("poor quality", _in_numbers(dropped, measured))
    height_px, width_px = scaled.luma.shape
    return Picture(
        id=hashlib.sha256(data).hexdigest(),
        jpeg=encode_jpeg(scaled),
        width_px=width_px,
        height_px=height_px,
        source_width_px=decoded.source_width_px,
        source_height_px=decoded.source_height_px,
        perceptual_hash=perceptual_hash(scaled.luma),
        quality=measured,
    )


def _check_length(size_px: tuple[int, int], shorter_side_px: int) -> None:
    stored_px = max(size_px) * min(1, shorter_side_px / min(size_px))
    if stored_px > JPEG_MAX_SIDE_PX:
        reason = f"{size_px[0]} x {size_px[1]} pixels: its longer side would be {stored_px:.0f} when stored, "
        raise pixels.ImageError("too large", f"{reason}more than the {JPEG_MAX_SIDE_PX} of a JPEG")


def _memory_refusal(needed_bytes: int, parameters: IngestParameters, granted_bytes: int) -> Refusal | Postponed | None:
    most_mb = parameters.image_memory_mb
    if needed_bytes > most_mb * _MB:
        needed = f"decoding takes about {needed_bytes / _MB:.0f} MB of memory, more than {most_mb} (--image-memory-mb)"
        return Refusal("too large", f"{needed}; allow more, or save it smaller or as JPEG")
    return Postponed(needed_bytes) if needed_bytes > granted_bytes else None


def _in_numbers(dropped: Sequence[str], measured: Quality) -> str:
    numbers = f"sharpness {measured.sharpness:.0f}, brightness {measured.brightness:.2f}"
    return f"{', '.join(dropped)} ({numbers}, entropy {measured.entropy_bits:.1f} bits)"
