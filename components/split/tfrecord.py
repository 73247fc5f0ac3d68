"""TFRecord files of tf.train.Example, written without TensorFlow.

Sources: for the framing "TFRecords format details" in TensorFlow's guide "TFRecord and tf.train.Example" and
tensorflow/core/lib/io/record_writer.h; for the messages tensorflow/core/example/{example,feature}.proto and
the Protocol Buffers encoding, https://protobuf.dev/programming-guides/encoding.
"""

import struct
from collections.abc import Mapping

import google_crc32c

_LENGTH_DELIMITED = 2  # wire type
_EXAMPLE_FEATURES = _FEATURES_FEATURE = _ENTRY_KEY = 1  # field numbers
_ENTRY_VALUE = 2
_FEATURE_BYTES, _FEATURE_INT64 = 1, 3
_LIST_VALUE = 1


def example(features: Mapping[str, bytes | int]) -> bytes:
    """Serializes a tf.train.Example.

    Args:
        features: By name; an int in [0, 2**63) becomes an Int64List of one, bytes a BytesList of one.

    Returns:
        The message, as TensorFlow parses it.
    """
    entries = b"".join(
        _field(_FEATURES_FEATURE, _field(_ENTRY_KEY, name.encode()) + _field(_ENTRY_VALUE, _feature(value)))
        for name, value in features.items()
    )
    return _field(_EXAMPLE_FEATURES, entries)


def record(data: bytes) -> bytes:
    """Frames a record: length (uint64) and data, each followed by its masked CRC-32C; little-endian."""
    length = struct.pack("<Q", len(data))
    return b"".join((length, _masked_crc32c(length), data, _masked_crc32c(data)))


def _feature(value: bytes | int) -> bytes:
    if isinstance(value, int):
        return _field(_FEATURE_INT64, _field(_LIST_VALUE, _varint(value)))  # packed
    return _field(_FEATURE_BYTES, _field(_LIST_VALUE, value))


def _field(number: int, payload: bytes) -> bytes:
    return _varint(number << 3 | _LENGTH_DELIMITED) + _varint(len(payload)) + payload


def _varint(value: int) -> bytes:
    """Encodes base 128, least significant group first; all groups but the last have the high bit set."""
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def _masked_crc32c(data: bytes) -> bytes:
    crc = google_crc32c.value(data)
    rotated = crc >> 15 | crc << 17 & 0xFFFFFFFF
    return struct.pack("<I", rotated + 0xA282EAD8 & 0xFFFFFFFF)
