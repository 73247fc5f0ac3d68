"""Large objects as files, over as many connections as it takes."""

from collections.abc import Callable
from pathlib import Path

from components._objects.clients import client_of
from components._objects.retrying import persistently
from components._objects.stored_object import StorageError, StoredObject, check

_PROGRESS_BYTES = 2**20  # so much further than ever before, and patience starts anew

# Told the bytes that are there, and the size; None if that is unknown.
Progress = Callable[[int, int | None], None]


def download_object(uri: str, file: Path, progress: Progress) -> None:
    """Copies a large object to a file; a broken connection is taken up where it broke, if the server can do that.

    Args:
        uri: The object.
        file: Where to; replaced. Complete and checked when this returns, anything when it raises.
        progress: Called after each chunk.

    Raises:
        InputError: If there is none, or access is refused; UnreachableError if the failure may pass.
    """
    download = _Download(uri, file, progress)
    while not persistently(uri, download.advance):
        pass


class _Download:
    """A file that grows, over several connections, into a copy of an object."""

    def __init__(self, uri: str, file: Path, progress: Progress) -> None:
        self._uri, self._file, self._progress = uri, file, progress
        self._stored: StoredObject | None = None  # what the file is a part of
        self._furthest_bytes = 0

    def advance(self) -> bool:
        """Goes on to the end, and returns True.

        Returns False if the connection broke further along than ever: then patience starts anew, as a
        download may take much longer than anybody should wait for an answer.
        """
        try:
            self._receive()
        except StorageError as error:
            have_bytes = self._have_bytes()
            if self._stored and error.status in (404, 412):
                self._stored = None  # start over with the new one
                raise StorageError("it was replaced while it was read") from error
            if not error.transient or have_bytes < self._furthest_bytes + _PROGRESS_BYTES:
                raise
            self._furthest_bytes = have_bytes
            return False
        return True

    def _receive(self) -> None:
        client = client_of(self._uri)
        stored = client.stat(self._uri)
        have_bytes = self._have_bytes()
        if stored != self._stored or not stored.version or have_bytes == stored.size_bytes:  # or nothing to go on with
            self._file.unlink(missing_ok=True)
            self._stored, have_bytes = stored, 0
        with self._file.open("ab") as stream:

            def write(chunk: bytes) -> None:
                stream.write(chunk)
                self._progress(stream.tell(), stored.size_bytes)

            checksum = client.receive(stored, have_bytes, write)
        self._check(stored, checksum)

    def _check(self, stored: StoredObject, checksum: str) -> None:
        try:
            with self._file.open("rb") as stream:
                check(stored, checksum, stream)
        except StorageError:
            self._file.unlink()  # nobody knows which of its bytes are wrong
            raise

    def _have_bytes(self) -> int:
        return self._file.stat().st_size if self._file.exists() else 0
