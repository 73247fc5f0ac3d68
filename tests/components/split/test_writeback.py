import os
import resource

import pytest

from components.split.writeback import allocate, start_writeback


@pytest.fixture
def descriptor(tmp_path):
    descriptor = os.open(tmp_path / "file", os.O_RDWR | os.O_CREAT)
    yield descriptor
    os.close(descriptor)


def test_a_file_is_as_long_as_it_will_be_and_has_its_room(descriptor):
    allocate(descriptor, 1_000_001)
    status = os.fstat(descriptor)
    assert status.st_size == 1_000_001
    assert status.st_blocks * 512 >= 1_000_001
    assert os.pread(descriptor, 2**20, 0) == bytes(1_000_001)


def test_too_little_room_is_an_error_before_anything_is_written(descriptor):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, limits[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            allocate(descriptor, 1_000_001)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert os.fstat(descriptor).st_size == 0


def test_what_is_brought_to_disk_stays_as_it_was_written(descriptor):
    allocate(descriptor, 30_000)
    os.pwrite(descriptor, b"a" * 10_000, 15_000)
    start_writeback(descriptor)
    os.pwrite(descriptor, b"b" * 10_000, 5_000)
    assert os.pread(descriptor, 30_000, 0) == bytes(5_000) + b"b" * 10_000 + b"a" * 10_000 + bytes(5_000)
