"""An object in a bucket or on a web server: what is known of it, its bytes, and the check of one against the other."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO, Protocol

_CHUNK_BYTES = 2**20

Write = Callable[[bytes], object]  # is given an object's bytes, in order, as they come


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object as its server describes it.

    Attributes:
        uri: `gs://bucket/name`, `s3://bucket/name` or a web address.
        name: Its name inside the bucket, slashes included; the path of a web address.
        size_bytes: Its size; None where a web server does not tell.
        version: Changes with the content: generation, ETag or Last-Modified; "" where a web server tells neither.
        checksum: Of its bytes, as `algorithm:hex digits` with crc32c or md5; "" if the server tells it only
            together with the bytes, or never.
    """

    uri: str
    name: str
    size_bytes: int | None
    version: str
    checksum: str = ""


class StorageError(Exception):
    """A request that failed.

    Attributes:
        reason: What went wrong, in the words of the server or the network.
        status: The HTTP status; None if no answer came, or not a whole one.
        retry_after_s: How long the server asks to wait; 0 if it does not ask.
    """

    def __init__(self, reason: str, status: int | None = None, retry_after_s: float = 0) -> None:
        super().__init__(reason)
        self.reason = " ".join(reason.split())  # some come in several lines
        self.status, self.retry_after_s = status, retry_after_s

    @property
    def transient(self) -> bool:
        """Whether the same request may succeed later."""
        return self.status is None or self.status in (408, 429) or self.status >= 500


class _Digest(Protocol):
    def update(self, data: bytes, /) -> None: ...
    def digest(self) -> bytes: ...


def check(stored: StoredObject, checksum: str, stream: BinaryIO) -> None:
    """Compares bytes that came with what the server says of them.

    Args:
        stored: The object.
        checksum: As in `StoredObject`, of the whole of it.
        stream: All of its bytes.

    Raises:
        StorageError: If their number or checksum differs.
    """
    algorithm, _, expected = checksum.partition(":")
    digest, size_bytes = _digest(algorithm), 0
    stream.seek(0)
    while chunk := stream.read(_CHUNK_BYTES):
        size_bytes += len(chunk)
        digest.update(chunk)
    if stored.size_bytes not in (None, size_bytes):
        raise StorageError(f"{size_bytes} of {stored.size_bytes} bytes came")
    if algorithm and digest.digest().hex() != expected:
        raise StorageError(f"the bytes that came have {algorithm} {digest.digest().hex()}, not {expected}")


def _digest(algorithm: str) -> _Digest:
    if algorithm == "crc32c":
        from google_crc32c import Checksum  # noqa: PLC0415 - in the images that read buckets

        return Checksum()
    return hashlib.md5(usedforsecurity=False)
