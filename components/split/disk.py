"""Two calls of Linux that Python lacks: for files that are written in no order, and are on disk soon after their end.

Elsewhere, and where a file system can't, the same is written without them.
"""

import ctypes
import errno
import os
import sys
from pathlib import Path

_SYNC_FILE_RANGE_WRITE = 2
_TO_THE_END = 0
_OFFSET = ctypes.c_int64  # off_t of a 64-bit system

_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" and sys.maxsize > 2**32 else None
if _LIBC:
    _LIBC.fallocate.argtypes = (ctypes.c_int, ctypes.c_int, _OFFSET, _OFFSET)
    _LIBC.sync_file_range.argtypes = (ctypes.c_int, _OFFSET, _OFFSET, ctypes.c_uint)


def allocate(file: Path, descriptor: int, size_bytes: int) -> None:
    """Makes an empty file as long as it will be, with its room on disk where the file system can keep it.

    Written in no order, a file with room takes an eighth less time (ext4, `tests/benchmarks/splits.py`).
    `os.posix_fallocate` would write to every block where the file system can't.

    Args:
        file: For the error.
        descriptor: Of that file, open for writing.
        size_bytes: Its length.

    Raises:
        OSError: If the disk has no such room.
    """
    if _LIBC and _LIBC.fallocate(descriptor, 0, 0, size_bytes):
        error = ctypes.get_errno()
        if error in (errno.ENOSPC, errno.EDQUOT):  # what else it refuses costs time only
            raise OSError(error, os.strerror(error), str(file))
    os.truncate(descriptor, size_bytes)


def start_writeback(descriptor: int) -> None:
    """Has the system bring to disk what has been written to a file so far, without a wait until it is there.

    `os.fsync` afterwards waits for that, and says what went wrong.
    """
    if _LIBC:
        _LIBC.sync_file_range(descriptor, 0, _TO_THE_END, _SYNC_FILE_RANGE_WRITE)
