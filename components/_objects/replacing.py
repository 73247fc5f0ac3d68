"""Replacing an object or a local file only as long as nobody else has: compare and swap."""

import fcntl
import hashlib
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from components._errors import InputError
from components._objects.clients import client_of, is_remote, read, scheme_of
from components._objects.retrying import persistently
from components._objects.stored_object import StorageError
from components._storage import whole_file

ABSENT = "0"  # the generation of what does not exist


class LostRaceError(Exception):
    """Somebody else has replaced the object first: read it again, and decide anew."""


def check_replaceable(uri: str) -> None:
    """Makes sure that a URI is of a kind that can be replaced; asks no server.

    Raises:
        InputError: If it is neither a local path nor `gs://bucket/name`.
    """
    if "://" in uri and scheme_of(uri) != "gs":
        raise InputError(f"{uri}: expected a local path or gs://bucket/name: nothing else can be replaced safely.")


def read_generation(uri: str) -> tuple[bytes, str] | None:
    """Reads what `replace_object` replaces.

    Args:
        uri: A local path or `gs://bucket/name`.

    Returns:
        The content and its generation; None if there is none.

    Raises:
        InputError: If it cannot be replaced, or access is refused; UnreachableError if the failure may pass.
    """
    check_replaceable(uri)
    if not is_remote(uri):
        return _read_local(Path(uri))
    return persistently(uri, partial(_read_current, uri))


def replace_object(uri: str, data: bytes, expected_generation: str) -> str:
    """Writes an object or a local file, unless somebody else has done so since it was read.

    Args:
        uri: A local path or `gs://bucket/name`.
        data: The new content; it appears whole or not at all.
        expected_generation: As read; ABSENT if there must be none yet.

    Returns:
        The new generation.

    Raises:
        LostRaceError: If the generation is another one now.
        InputError: If it cannot be replaced, or access is refused; UnreachableError if the failure may pass.
    """
    check_replaceable(uri)
    if not is_remote(uri):
        return _replace_local(Path(uri), data, expected_generation)
    replace = partial(client_of(uri).replace, uri, data, expected_generation, uuid.uuid4().hex)
    generation = persistently(uri, replace)
    if generation is None:
        raise LostRaceError(uri)
    return str(generation)


def _read_current(uri: str) -> tuple[bytes, str] | None:
    try:
        stored = client_of(uri).stat(uri)
    except StorageError as error:
        if error.status == 404:
            return None
        raise
    try:
        return read(stored), stored.version
    except StorageError as error:
        if error.status in (404, 412):
            raise StorageError("it was replaced while it was read") from error
        raise


def _read_local(file: Path) -> tuple[bytes, str] | None:
    try:
        data = file.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _refused(file, "read", error) from error
    return data, _generation(data)


def _replace_local(file: Path, data: bytes, expected_generation: str) -> str:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with _locked(file):
            current = _read_local(file)
            if (current[1] if current else ABSENT) != expected_generation:
                raise LostRaceError(str(file))
            with whole_file(file) as new:
                new.write_bytes(data)
    except OSError as error:
        raise _refused(file, "written", error) from error
    return _generation(data)


def _refused(file: Path, done: str, error: OSError) -> InputError:
    return InputError(f"{file}: expected a file that can be {done}, but: {error.strerror}. Check the path.")


def _generation(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@contextmanager
def _locked(file: Path) -> Iterator[None]:
    """Lets one process at a time through; the system takes the lock from one that dies."""
    lock = os.open(file.parent / f".{file.name}.lock", os.O_RDWR | os.O_CREAT, 0o666)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)
