import struct

from components.split.tfrecord import example, record


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
