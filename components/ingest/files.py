"""The files of a folder, a .zip or a .tar, and how to read each; archives are never unpacked to disk."""

import gzip
import os
import shutil
import stat
import tarfile
import threading
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from components._errors import InputError

MAX_FILE_BYTES = 512 * 2**20  # far above any photograph; keeps a compression bomb out of memory

# A file's POSIX path inside the source -> returns its bytes. A reader may be called from any thread; it
# raises InputError for what must not be read, and whatever the file system or the archive raises.
Readers = dict[str, Callable[[], bytes]]


@contextmanager
def open_folder(folder: Path) -> Iterator[Readers]:
    """Finds the files below a folder; links are followed, except to a folder that they are in.

    Yields:
        The readers.

    Raises:
        InputError: If a folder cannot be listed.
    """

    def fail(error: OSError) -> None:
        raise InputError(f"--source: expected to list {error.filename}, but: {error.strerror}. Make it readable.")

    readers: Readers = {}
    for parent, folders, names in os.walk(folder, onerror=fail, followlinks=True):
        folders[:] = [name for name in folders if not _leads_back(Path(parent, name))]
        for name in names:
            file = Path(parent, name)
            readers[file.relative_to(folder).as_posix()] = partial(_read_file, file)
    yield readers


@contextmanager
def open_zip(archive: Path) -> Iterator[Readers]:
    """Opens a .zip for reading its files; of two of the same name the later counts, as when unpacking.

    Yields:
        The readers.

    Raises:
        InputError: If it is damaged.
    """
    try:
        opened = zipfile.ZipFile(archive)
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise _damaged(archive, error) from error
    with opened:
        members = [member for member in opened.infolist() if not member.is_dir()]
        yield {member.filename: partial(_read_zip_member, opened, member) for member in members}


@contextmanager
def open_tar(archive: Path, scratch: Path) -> Iterator[Readers]:
    """Opens a .tar, .tar.gz or .tgz for reading its files; of two of the same name the later counts.

    Args:
        archive: The archive.
        scratch: An existing folder. A compressed archive is decompressed into it as one file while it is
            open: reading members in another order than they were packed in would decompress it for each.

    Yields:
        The readers.

    Raises:
        InputError: If it is damaged.
    """
    lock = threading.Lock()
    unpacked = scratch / "source.tar"
    with ExitStack() as closing:
        closing.callback(unpacked.unlink, missing_ok=True)
        try:
            plain = _decompressed(archive, unpacked)
            opened = closing.enter_context(tarfile.open(plain, "r:"))
            members = [member for member in opened.getmembers() if not member.isdir()]
            if plain.stat().st_size <= opened.offset:  # tarfile takes a cut between two members for the end
                raise tarfile.ReadError("the blocks of zeros that mark its end are missing")
        except (tarfile.TarError, EOFError, OSError, ValueError, zlib.error) as error:
            raise _damaged(archive, error) from error
        yield {member.name: partial(_read_tar_member, opened, lock, member) for member in members}


def _leads_back(folder: Path) -> bool:
    return folder.is_symlink() and folder.parent.resolve().is_relative_to(folder.resolve())


def _read_file(file: Path) -> bytes:
    status = file.stat()
    if not stat.S_ISREG(status.st_mode):
        raise InputError("not a regular file")
    _check_size(status.st_size)
    return file.read_bytes()


def _read_zip_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    if stat.S_ISLNK(member.external_attr >> 16):
        raise InputError("a link inside an archive")
    _check_size(member.file_size)
    return archive.read(member)


def _read_tar_member(archive: tarfile.TarFile, lock: threading.Lock, member: tarfile.TarInfo) -> bytes:
    if not member.isreg():
        kind = "a link" if member.issym() or member.islnk() else "a special file"
        raise InputError(f"{kind} inside an archive")
    _check_size(member.size)
    with lock:  # members share the archive's position
        stream = archive.extractfile(member)
        return stream.read() if stream else b""


def _check_size(size_bytes: int) -> None:
    if size_bytes > MAX_FILE_BYTES:
        raise InputError(f"{size_bytes} bytes: more than {MAX_FILE_BYTES}")


def _decompressed(archive: Path, unpacked: Path) -> Path:
    if archive.suffix.lower() == ".tar":
        return archive
    with gzip.open(archive) as compressed, unpacked.open("wb") as stream:
        shutil.copyfileobj(compressed, stream, 2**20)
    return unpacked


def _damaged(archive: Path, error: Exception) -> InputError:
    return InputError(
        f"--source {archive}: expected a complete archive, but it cannot be read: {error}. "
        "Pack or copy it again; most often a copy was cut short."
    )
