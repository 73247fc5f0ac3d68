"""What is in a .zip, a part at a time: zipfile would hold 600 bytes and more for each of a million members.

The central directory is found and cut into headers here; what a header says is still zipfile's to read.
https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT, 4.3.12 to 4.3.16
"""

import io
import os
import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

PART_MEMBERS = 1000

_HEADER = struct.Struct("<4s24x3H12x")  # signature; bytes of name, extra field and comment
_END = struct.Struct("<4s4H2LH")  # signature, ..., bytes and offset of the directory, bytes of the comment
_END_64_LOCATOR_BYTES = 20
_END_64 = struct.Struct("<4s36x2Q")  # signature; bytes and offset of the directory
_MAX_COMMENT_BYTES = 2**16 - 1


def zip_members(archive: Path) -> Iterator[zipfile.ZipInfo]:
    """Yields the members of an archive in the order of its central directory.

    Raises:
        BadZipFile: If there is no such directory, or it is damaged; then or when that part of it is reached.
        OSError: If it cannot be read.
    """
    with archive.open("rb") as file:
        begin, size_bytes, shift = _directory(file)
        file.seek(begin)
        headers: list[bytes] = []
        while size_bytes > 0:
            headers.append(_header(file))
            size_bytes -= len(headers[-1])
            if len(headers) == PART_MEMBERS or size_bytes <= 0:
                yield from _members(headers, shift)
                headers.clear()


def _directory(file: BinaryIO) -> tuple[int, int, int]:
    """Returns where the directory begins, its bytes, and how many bytes somebody has put before the archive."""
    size_bytes = file.seek(0, os.SEEK_END)
    tail_begin = max(0, size_bytes - _END.size - _MAX_COMMENT_BYTES)
    file.seek(tail_begin)
    tail = file.read()
    in_tail = tail.rfind(b"PK\5\6", 0, len(tail) - _END.size + 4)
    if in_tail < 0:
        raise zipfile.BadZipFile("it has no end of a central directory")
    end = tail_begin + in_tail
    *_, directory_bytes, offset, _ = _END.unpack_from(tail, in_tail)
    end_64 = end - _END_64_LOCATOR_BYTES - _END_64.size
    if end_64 >= 0:
        file.seek(end_64)
        signature, bytes_64, offset_64 = _END_64.unpack(file.read(_END_64.size))
        if signature == b"PK\6\6" and file.read(4) == b"PK\6\7":
            end, directory_bytes, offset = end_64, bytes_64, offset_64
    begin = end - directory_bytes
    if begin < offset:
        raise zipfile.BadZipFile(f"its central directory of {directory_bytes} bytes ends at byte {end}")
    return begin, directory_bytes, begin - offset


def _header(file: BinaryIO) -> bytes:
    fixed = file.read(_HEADER.size)
    if len(fixed) < _HEADER.size or not fixed.startswith(b"PK\1\2"):
        raise zipfile.BadZipFile(f"its central directory is damaged before byte {file.tell()}")
    _, *lengths = _HEADER.unpack(fixed)
    return fixed + file.read(sum(lengths))


def _members(headers: list[bytes], shift: int) -> list[zipfile.ZipInfo]:
    """Has zipfile read headers, as an archive that has nothing else."""
    directory = b"".join(headers)
    end = _END.pack(b"PK\5\6", 0, 0, len(headers), len(headers), len(directory), 0, 0)
    with zipfile.ZipFile(io.BytesIO(directory + end)) as part:
        members = part.infolist()
    for member in members:
        member.header_offset += shift
    return members
