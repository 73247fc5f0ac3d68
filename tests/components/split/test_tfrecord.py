import struct

import numpy as np
import pytest

from components.split.tfrecord import example, feature_entries, record, record_around, record_bytes


def test_an_example_byte_by_byte():
    # Example { features { feature { key: "n" value { int64_list { value: 300 } } } } }
    assert example({"n": 300}) == bytes.fromhex("0a0d 0a0b 0a016e 1206 1a04 0a02 ac02")
    # The same with bytes_list { value: "ab" }
    assert example({"n": b"ab"}) == bytes.fromhex("0a0d 0a0b 0a016e 1206 0a04 0a02 6162")


def test_the_frame_of_an_empty_record():
    length, _, data_crc = struct.unpack("<QII", record(b""))
    assert length == 0
    assert data_crc == 0xA282EAD8  # the CRC of nothing, 0, masked


def test_the_checksum_of_a_standard_s_example():
    crc = 0x8A9136AA  # of 32 bytes of zeros: RFC 3720, appendix B.4
    masked = ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF
    assert struct.unpack("<I", record(bytes(32))[-4:]) == (masked,)


@pytest.mark.parametrize("size", [0, 1, 90, 117, 118, 119, 127, 128, 16_000, 16_383, 16_384, 2_097_151, 2_097_152])
def test_a_record_around_a_value_is_the_record_of_the_whole(size):
    others = {"label": 300, "id": b"ab" * 32}
    value = b"x" * size
    before, after = record_around("image", value, feature_entries(others))
    whole = record(example({"image": value, **others}))
    assert before + value + after == whole
    sizes = record_bytes("image", np.array([size]), np.array([len(feature_entries(others))]))
    assert sizes.tolist() == [len(whole)]
