"""The files of a .zip or a .tar; nothing is unpacked to disk but the tar inside a compressed one.

An archive is read where its files lie in it, by whichever process or thread asks: no open archive is shared.
"""

import io
import shutil
import stat
import struct
import tarfile
import zipfile
import zlib
from bz2 import BZ2File
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from gzip import GzipFile
from lzma import LZMAError, LZMAFile
from pathlib import Path
from typing import NamedTuple

from components._errors import InputError
from components.ingest.source.files import Files, SourceFile, check_size, refuse
from components.ingest.source.zip_directory import zip_members

_STREAMS = {"gz": GzipFile, "tgz": GzipFile, "bz2": BZ2File, "tbz2": BZ2File, "xz": LZMAFile, "txz": LZMAFile}
ARCHIVE_SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")

# What unpacks to more than its packed size times this, and to more than what is harmless, is a bomb: photographs
# hardly pack at all, and deflate cannot pack anything below a 1,032nd.
MAX_RATIO = 200
HARMLESS_BYTES = 16 * 2**20
DISK_SHARE = 0.9

_UTF8_NAME = 1 << 11
_ENCRYPTED = 1 << 0
_MADE_ON_WINDOWS = 0
_BLOCK_BYTES = 512
_MAX_HEADER_BYTES = 2**20  # a long name and whatever else is said of a file; names have up to 4,096 bytes


@contextmanager
def open_archive(archive: Path, scratch: Path) -> Iterator[Files]:
    """Opens an archive; of two files of the same name the later counts, as when unpacking.

    Args:
        archive: A file with one of `ARCHIVE_SUFFIXES`.
        scratch: An existing folder. A compressed .tar is decompressed into it as one file while it is open:
            reading members in another order than they were packed in would decompress it for each.

    Yields:
        Its files, which are found as they are asked for. What must not be read (links, special files, encrypted ones,
        bombs) raises InputError when it is.

    Raises:
        InputError: If the archive is damaged, then or when its files are asked for, or is a decompression bomb.
    """
    if archive.suffix.lower() == ".zip":
        yield _no_bomb(archive, _zip_files(archive))
    elif archive.suffix.lower() == ".tar":
        yield _tar_files(archive, archive)
    else:
        unpacked = scratch / "unpacked.tar"
        try:
            _decompress(archive, unpacked)
            yield _tar_files(archive, unpacked)
        finally:
            unpacked.unlink(missing_ok=True)


def _zip_files(archive: Path) -> Iterator[tuple[str, SourceFile]]:
    try:
        for member in zip_members(archive):
            if not (name := _zip_name(member)).endswith("/"):
                yield name, _zip_file(archive, member)
    except (zipfile.BadZipFile, NotImplementedError, OSError, ValueError, struct.error) as error:
        raise _damaged(archive, error) from error


def _no_bomb(archive: Path, files: Files) -> Iterator[tuple[str, SourceFile]]:
    """Passes files on, as long as they are no bomb together: many members may lie at the same place."""
    most_bytes, size_bytes = _most_bytes(archive.stat().st_size), 0
    for name, file in files:
        size_bytes += file.size_bytes
        if size_bytes > most_bytes:
            raise _bomb(archive)
        yield name, file


def _zip_name(member: zipfile.ZipInfo) -> str:
    """Returns a member's path as whoever packed it meant it."""
    name = member.filename
    if not member.flag_bits & _UTF8_NAME:
        # Not marked as UTF-8, which by the letter means cp437; macOS writes UTF-8 all the same.
        with suppress(UnicodeError):
            name = name.encode("cp437").decode()
    return name.replace("\\", "/") if member.create_system == _MADE_ON_WINDOWS else name


def _zip_file(archive: Path, member: zipfile.ZipInfo) -> SourceFile:
    version = f"{member.file_size} {member.CRC:08x}"
    if reason := _why_not_unzip(member):
        return SourceFile(0, version, partial(refuse, reason))
    packed = _Packed(member.header_offset, member.compress_type, member.compress_size, member.file_size, member.CRC)
    return SourceFile(member.file_size, version, partial(_read_zip_member, str(archive), packed))


class _Packed(NamedTuple):
    """Where a member lies in a .zip, and how."""

    header_offset: int
    method: int
    packed_bytes: int
    size_bytes: int
    crc: int


def _why_not_unzip(member: zipfile.ZipInfo) -> str | None:
    if kind := _special(stat.S_IFMT(member.external_attr >> 16)):
        return kind
    if member.flag_bits & _ENCRYPTED:
        return "encrypted: pack it again without a password"
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return f"compressed by method {member.compress_type}, expected deflate (8): pack it again as a plain .zip"
    if member.file_size > _most_bytes(member.compress_size):
        return f"a decompression bomb: {member.compress_size} bytes that unpack to {member.file_size}"
    return None


def _special(file_type: int) -> str | None:
    if file_type in (0, stat.S_IFREG):  # 0: packed where files have no such types
        return None
    return "a link inside an archive" if file_type == stat.S_IFLNK else "a special file inside an archive"


def _read_zip_member(archive: str, member: _Packed) -> bytes:
    """Reads a member by its own header: https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT, 4.3.7."""
    check_size(member.size_bytes)
    header = _read_span(archive, member.header_offset, 30)
    signature, name_bytes, extra_bytes = struct.unpack("<4s22xHH", header)
    packed = _read_span(archive, member.header_offset + len(header) + name_bytes + extra_bytes, member.packed_bytes)
    data = packed if member.method == zipfile.ZIP_STORED else _inflate(packed, member.size_bytes)
    if signature != b"PK\3\4" or len(data) != member.size_bytes or zlib.crc32(data) != member.crc:
        raise InputError("damaged inside the archive: its checksum is not what was packed")
    return data


def _inflate(packed: bytes, size_bytes: int) -> bytes:
    """Decompresses to at most one byte more than it should be: what is told of its size may be a lie."""
    try:
        return zlib.decompressobj(-zlib.MAX_WBITS).decompress(packed, size_bytes + 1)
    except zlib.error as error:
        raise InputError(f"damaged inside the archive: {error}") from error


def _tar_files(archive: Path, plain: Path) -> Iterator[tuple[str, SourceFile]]:
    """Lists a tar as it is read: what has been listed takes no memory.

    Args:
        archive: What the user gave.
        plain: The same, decompressed.
    """
    status = archive.stat()
    version = f"{status.st_size} {status.st_mtime_ns}"
    try:
        for member in _tar_members(plain):
            if not member.isdir():
                yield member.name, _tar_file(str(plain), member, version)
    except (tarfile.TarError, EOFError, OSError, OverflowError, RecursionError, ValueError) as error:
        raise _damaged(archive, error) from error


class _Headers(io.BufferedReader):
    """A tar that is read header by header: one that says it is very large would be given that much memory."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > _MAX_HEADER_BYTES:
            raise tarfile.ReadError(f"a header of {size} bytes")
        return super().read(size)


def _tar_members(plain: Path) -> Iterator[tarfile.TarInfo]:
    end = 0
    with _Headers(io.FileIO(plain)) as stream, tarfile.open(fileobj=stream, mode="r:") as opened:
        while member := opened.next():
            opened.members.clear()  # type: ignore[attr-defined] # it would keep them all
            if opened.offset <= end:  # a negative size: tarfile would read the same header for ever
                raise tarfile.ReadError(f"the header before byte {end} is damaged")
            end = opened.offset
            yield member
        # tarfile takes a cut between two files, and a damaged header, for the end, which is a block of zeros
        if _read_span(str(plain), opened.offset, _BLOCK_BYTES) != bytes(_BLOCK_BYTES):
            raise tarfile.ReadError(f"the header at byte {opened.offset} is damaged")


def _tar_file(plain: str, member: tarfile.TarInfo, version: str) -> SourceFile:
    version = f"{version} {member.offset_data}"
    if not member.isreg() or member.issparse():
        kind = "a link" if member.issym() or member.islnk() else "a special file"
        return SourceFile(0, version, partial(refuse, f"{kind} inside an archive"))
    return SourceFile(member.size, version, partial(_read_span, plain, member.offset_data, member.size))


def _decompress(archive: Path, unpacked: Path) -> None:
    """Decompresses an archive, as far as it is no bomb and leaves room on the disk."""
    most_bytes = _most_bytes(archive.stat().st_size)
    room_bytes = int(DISK_SHARE * shutil.disk_usage(unpacked.parent).free)
    written = 0
    with unpacked.open("wb") as stream:
        for chunk in _decompressed(archive):
            written += len(chunk)
            if written > min(most_bytes, room_bytes):
                raise _too_large(archive, most_bytes, room_bytes)
            stream.write(chunk)


def _decompressed(archive: Path) -> Iterator[bytes]:
    try:
        with _STREAMS[archive.suffix.lower()[1:]](archive) as stream:
            while chunk := stream.read(2**20):
                yield chunk
    except (EOFError, OSError, zlib.error, LZMAError) as error:
        raise _damaged(archive, error) from error


def _most_bytes(packed_bytes: int) -> int:
    return max(HARMLESS_BYTES, MAX_RATIO * packed_bytes)


def _read_span(file: str, offset: int, size_bytes: int) -> bytes:
    check_size(size_bytes)
    if offset < 0 or size_bytes < 0:
        raise InputError(f"damaged inside the archive: {size_bytes} bytes from byte {offset}")
    with Path(file).open("rb") as stream:
        stream.seek(offset)
        data = stream.read(size_bytes)
    if len(data) != size_bytes:
        raise InputError(f"damaged inside the archive: {len(data)} of {size_bytes} bytes are there")
    return data


def _too_large(archive: Path, most_bytes: int, room_bytes: int) -> InputError:
    if most_bytes < room_bytes:
        return _bomb(archive)
    return InputError(
        f"--source {archive}: expected room to decompress it, but it is larger than {DISK_SHARE:.0%} of what is free. "
        "Free some space, or pack it as .zip or .tar, which are read as they are."
    )


def _bomb(archive: Path) -> InputError:
    return InputError(
        f"--source {archive}: expected photographs, found what unpacks to more than {MAX_RATIO} times its size: a "
        "decompression bomb. If you trust it, unpack it yourself and give the folder."
    )


def _damaged(archive: Path, error: Exception) -> InputError:
    return InputError(
        f"--source {archive}: expected a complete archive, but it cannot be read: {error}. "
        "Pack or copy it again; most often a copy was cut short."
    )
