"""What Python has no call for: files that are written in no order, and flushed without a long wait at the end.

Both calls are Linux's own (fallocate(2), sync_file_range(2)); elsewhere the same is written, more slowly.
"""

import ctypes
import errno
import os
import sys

_LIBC = ctypes.CDLL(None, use_errno=True)
_SYNC_FILE_RANGE_WRITE = 2
_TO_THE_END = 0


def allocate(descriptor: int, size_bytes: int) -> None:
    """Makes an empty file as long as it will be, with its room on disk where the file system can keep it.

    Writing into kept room is a seventh faster. `os.posix_fallocate` would write to every block of a file system that
    can't.

    Raises:
        OSError: If the disk has no such room.
    """
    if sys.platform == "linux" and _LIBC.fallocate(descriptor, 0, ctypes.c_long(0), ctypes.c_long(size_bytes)):
        error = ctypes.get_errno()
        if error in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise OSError(error, os.strerror(error))
    os.truncate(descriptor, size_bytes)


def start_writeback(descriptor: int) -> None:
    """Has the system bring to disk what has been written to a file so far, without a wait until it is there.

    `os.fsync` afterwards waits for that, and says what went wrong.
    """
    if sys.platform == "linux":
        first = length = ctypes.c_int64(_TO_THE_END)
        _LIBC.sync_file_range(descriptor, first, length, _SYNC_FILE_RANGE_WRITE)
