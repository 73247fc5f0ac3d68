"""Files of a source that lie in a bucket or on a web server."""

import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path, PurePosixPath

from components._errors import InputError
from components._objects import (
    StoredObject,
    download_object,
    list_objects,
    read_object,
    save_object,
    stat_object,
    without_query,
)
from components._progress import say
from components.ingest.source.files import MAX_FILE_BYTES, SourceFile, check_size

_INTERVAL_S = 1.0
_MB = 1_000_000


def prefix_files(uri: str) -> Iterator[tuple[str, SourceFile]]:
    """Lists the objects of a folder in a bucket.

    Args:
        uri: `gs://bucket/folder` or `s3://bucket/folder`, with or without a slash at its end, or a whole bucket.

    Yields:
        The path of each below the folder, and the file.

    Raises:
        InputError: If it cannot be listed, or nothing is in it; UnreachableError if the failure may pass.
    """
    folder = uri.rstrip("/") + "/"
    skipped = len(folder.partition("://")[2].partition("/")[2])
    is_empty = True
    for stored in list_objects(folder):
        if stored.name.endswith("/"):  # a placeholder, which consoles make for an empty folder
            continue
        is_empty = False
        read, save = partial(_read, stored), partial(_save, stored)
        yield stored.name[skipped:], SourceFile(stored.size_bytes or 0, stored.version, read, save)
    if is_empty:
        raise InputError(f"--source {uri}: expected objects whose names begin with it, found none. Check the path.")


def remote_file(uri: str) -> SourceFile:
    """Returns one object as a file; nothing is asked of its server before it is read, so its size is given as 0.

    Args:
        uri: `gs://`, `s3://`, `https://` or `http://`.
    """
    return SourceFile(0, "", partial(_find_and_read, uri), partial(_find_and_save, uri))


def fetch_archive(uri: str, scratch: Path) -> Path:
    """Copies an archive to this machine, and says about once a second how much has come.

    Args:
        uri: `gs://`, `s3://`, `https://` or `http://`.
        scratch: An existing folder.

    Returns:
        The file, in `scratch`; its suffixes are those of the archive.

    Raises:
        InputError: If there is none, or access is refused; UnreachableError if the failure may pass.
    """
    name = PurePosixPath(without_query(uri)).name
    file = scratch / name
    download_object(uri, file, _Lines(name))
    return file


def _read(stored: StoredObject) -> bytes:
    check_size(stored.size_bytes or 0)
    return read_object(stored, MAX_FILE_BYTES)


def _find_and_read(uri: str) -> bytes:
    return _read(stat_object(uri))


def _save(stored: StoredObject, file: Path) -> None:
    check_size(stored.size_bytes or 0)
    save_object(stored, file, MAX_FILE_BYTES)


def _find_and_save(uri: str, file: Path) -> None:
    _save(stat_object(uri), file)


class _Lines:
    """Says about once a second how much of a file has come."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._began = self._said = time.monotonic()

    def __call__(self, done_bytes: int, size_bytes: int | None) -> None:
        now = time.monotonic()
        if now - self._said < _INTERVAL_S and done_bytes != size_bytes:
            return
        self._said = now
        size = f" of {size_bytes / _MB:.1f}" if size_bytes is not None else ""
        speed = done_bytes / _MB / (now - self._began)
        say("ingest", f"{self._name}: {done_bytes / _MB:.1f}{size} MB, {speed:.0f} MB/s")
