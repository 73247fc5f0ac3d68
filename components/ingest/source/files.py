"""The files of a folder, and what every source of files is: by path, how large each is and how to read it."""

import os
import stat
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from heapq import heappop, heappush
from pathlib import Path
from typing import NoReturn

from components._errors import InputError
from components._text import visible

MAX_FILE_BYTES = 512 * 2**20  # far above any photograph; keeps a compression bomb out of memory


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file of a source, not yet read.

    Attributes:
        size_bytes: Its size; what reading ahead counts with.
        version: Text that changes with the content: an object's generation, a file's size and time.
        read: Returns its bytes. Can be pickled, and called from any thread; raises InputError for what must
            not be read, and whatever the file system, archive or network raises.
        save: Copies it to a file; None if it is on this machine. Raises InputError for what cannot be read, and OSError
            for what cannot be written. It waits for a network, so that many at once pay.
    """

    size_bytes: int
    version: str
    read: Callable[[], bytes]
    save: Callable[[Path], None] | None = None


# Each with its POSIX path inside the source, in no order; of several with the same path the last counts.
Files = Iterable[tuple[str, SourceFile]]


def folder_files(folder: Path) -> Iterator[tuple[str, SourceFile]]:
    """Finds the files below a folder, those behind links too, each folder once.

    A folder's files have the path where it really is, if that is below the folder and not hidden. Otherwise it is
    listed under the name of a link that leads there: the one behind the fewest others and, of these, the first by path.

    Yields:
        The path of each, and the file.

    Raises:
        InputError: If a folder cannot be listed.
    """
    listed = set(map(_identity, folder.resolve().parents))
    unlisted = [(False, 0, "")]  # whether it is hidden, behind how many links, and the path
    while unlisted:
        hidden, links, prefix = heappop(unlisted)
        identity = _identity(folder / prefix)
        if identity in listed:
            continue
        listed.add(identity)
        for entry in _entries(folder / prefix):
            if _is_folder(entry):
                rank = hidden or entry.name.startswith("."), links + entry.is_symlink()
                heappush(unlisted, (*rank, f"{prefix}{entry.name}/"))
            else:
                yield prefix + entry.name, local_file(Path(entry.path))


def local_file(path: Path) -> SourceFile:
    """Describes a file of this machine; one that isn't there can be described, but not read."""
    read = partial(_read_file, str(path))  # a Path is several times as large, in memory and in a pickle
    try:
        status = path.stat()
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        return SourceFile(0, type(error).__name__, read)
    return SourceFile(status.st_size, f"{status.st_size} {status.st_mtime_ns}", read)


def refuse(reason: str) -> NoReturn:
    """Is the `read` of a file that must not be read.

    Raises:
        InputError: Always.
    """
    raise InputError(reason)


def check_size(size_bytes: int) -> None:
    """Refuses a file that is too large to be a photograph.

    Raises:
        InputError: If it is.
    """
    if size_bytes > MAX_FILE_BYTES:
        raise InputError(f"{size_bytes} bytes: more than {MAX_FILE_BYTES}")


def _entries(folder: Path) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            yield from entries
    except OSError as error:
        raise InputError(
            f"--source: expected to list {visible(str(folder))}, but: {error.strerror}. Make it readable."
        ) from error


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself, for one: reading it will say so
        return False


def _identity(folder: Path) -> tuple[int, int]:
    status = folder.stat()
    return status.st_dev, status.st_ino


def _read_file(name: str) -> bytes:
    # Without a Path in half the time, of which there is a fiftieth in all for a small image.
    with open(name, "rb", buffering=0, opener=_opened_at_once) as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise InputError("not a regular file")
        check_size(status.st_size)
        return file.readall()


def _opened_at_once(name: str, flags: int) -> int:
    return os.open(name, flags | getattr(os, "O_NONBLOCK", 0))  # a named pipe would wait for whoever writes to it
