import ctypes
import errno
import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from components.split import disk
from components.split.disk import allocate, start_writeback

FILE = Path("shard")


@pytest.fixture
def descriptor(tmp_path):
    descriptor = os.open(tmp_path / FILE, os.O_RDWR | os.O_CREAT)
    yield descriptor
    os.close(descriptor)


def test_a_file_is_as_long_as_it_will_be_and_has_its_room(descriptor):
    allocate(FILE, descriptor, 1_000_001)
    status = os.fstat(descriptor)
    assert status.st_size == 1_000_001
    assert status.st_blocks * 512 >= 1_000_001
    assert os.pread(descriptor, 2**20, 0) == bytes(1_000_001)


def _refusing(monkeypatch, error):
    # A mock, for ext4 fills the whole disk before it refuses.
    def fallocate(*_):
        ctypes.set_errno(error)
        return -1

    monkeypatch.setattr(disk, "_LIBC", SimpleNamespace(fallocate=fallocate))


def test_too_little_room_is_an_error_before_anything_is_written(descriptor, monkeypatch):
    _refusing(monkeypatch, errno.ENOSPC)
    with pytest.raises(OSError, match="No space left on device: 'shard'"):
        allocate(FILE, descriptor, 1000)
    assert os.fstat(descriptor).st_size == 0


def test_a_file_system_that_keeps_no_room_has_the_length(descriptor, monkeypatch):
    _refusing(monkeypatch, errno.EOPNOTSUPP)
    allocate(FILE, descriptor, 1000)
    assert os.fstat(descriptor).st_size == 1000


def test_linux_takes_the_call_for_a_file_and_not_for_a_pipe(descriptor):
    ctypes.set_errno(0)
    start_writeback(descriptor)
    assert ctypes.get_errno() == 0
    pipe = os.pipe()
    start_writeback(pipe[1])
    assert ctypes.get_errno() == errno.ESPIPE
    for end in pipe:
        os.close(end)
