"""TFRecord files of tf.train.Example, written without TensorFlow.

Sources: for the framing "TFRecords format details" in TensorFlow's guide "TFRecord and tf.train.Example" and
tensorflow/core/lib/io/record_writer.h; for the messages tensorflow/core/example/{example,feature}.proto and
the Protocol Buffers encoding, https://protobuf.dev/programming-guides/encoding.
"""

import struct
from collections.abc import Mapping
from functools import cache, lru_cache
from typing import Protocol

import google_crc32c
import numpy as np
from numpy.typing import NDArray

Sizes = NDArray[np.int64]

_LENGTH_DELIMITED = 2  # wire type
_EXAMPLE_FEATURES = _FEATURES_FEATURE = _ENTRY_KEY = 1  # field numbers
_ENTRY_VALUE = 2
_FEATURE_BYTES, _FEATURE_INT64 = 1, 3
_LIST_VALUE = 1
_FRAME_BYTES = 8 + 4 + 4


class Buffer(Protocol):
    """Bytes in memory that may be another object's."""

    def __len__(self) -> int: ...
    def __buffer__(self, flags: int, /) -> memoryview: ...


def example(features: Mapping[str, bytes | int]) -> bytes:
    """Serializes a tf.train.Example.

    Args:
        features: By name; an int in [0, 2**63) becomes an Int64List of one, bytes a BytesList of one.

    Returns:
        The message, as TensorFlow parses it.
    """
    return _field(_EXAMPLE_FEATURES, feature_entries(features))


def feature_entries(features: Mapping[str, bytes | int]) -> bytes:
    """Serializes features of an Example, as in `example`; entries may be joined."""
    return b"".join(
        _field(_FEATURES_FEATURE, _field(_ENTRY_KEY, name.encode()) + _field(_ENTRY_VALUE, _feature(value)))
        for name, value in features.items()
    )


def record(data: bytes) -> bytes:
    """Frames a record: length (uint64) and data, each followed by its masked CRC-32C; little-endian."""
    length = struct.pack("<Q", len(data))
    return b"".join((length, _masked(google_crc32c.value(length)), data, _masked(google_crc32c.value(data))))


def record_around(name: str, value: Buffer, entries: bytes) -> tuple[bytes, bytes]:
    """Frames an Example without a copy of its large value.

    Args:
        name: Of the feature that comes first.
        value: Its bytes.
        entries: All other features, from `feature_entries`.

    Returns:
        What comes before and after the value in the record.
    """
    size = len(value)
    before = b""
    for number in (_LIST_VALUE, _FEATURE_BYTES, _ENTRY_VALUE):
        before = _header(number, len(before) + size) + before
    before = _key(name) + before
    before = _header(_FEATURES_FEATURE, len(before) + size) + before
    before = _header(_EXAMPLE_FEATURES, len(before) + size + len(entries)) + before
    length = struct.pack("<Q", len(before) + size + len(entries))
    crc = google_crc32c.value(before)
    for part in (value, entries):
        crc = google_crc32c.extend(crc, part)
    return length + _masked(google_crc32c.value(length)) + before, entries + _masked(crc)


def record_bytes(name: str, value_bytes: Sizes, entries_bytes: Sizes) -> Sizes:
    """Returns the sizes of such records, int64 [N], from those of their parts; see `record_around`."""
    size = value_bytes
    for _ in (_LIST_VALUE, _FEATURE_BYTES, _ENTRY_VALUE):
        size = _field_bytes(size)
    size = _field_bytes(size + len(_key(name)))
    return _FRAME_BYTES + _field_bytes(size + entries_bytes)


@cache
def _key(name: str) -> bytes:
    return _field(_ENTRY_KEY, name.encode())


def _feature(value: bytes | int) -> bytes:
    if isinstance(value, int):
        return _field(_FEATURE_INT64, _field(_LIST_VALUE, _varint(value)))  # packed
    return _field(_FEATURE_BYTES, _field(_LIST_VALUE, value))


def _field(number: int, payload: bytes) -> bytes:
    return _header(number, len(payload)) + payload


def _header(number: int, payload_bytes: int) -> bytes:
    return _varint(number << 3 | _LENGTH_DELIMITED) + _varint(payload_bytes)


def _field_bytes(payload_bytes: Sizes) -> Sizes:
    """Returns the sizes of fields with payloads of these sizes; every tag here is one byte."""
    varint_bytes = sum((payload_bytes >= 1 << bits for bits in range(7, 63, 7)), np.ones_like(payload_bytes))
    return 1 + varint_bytes + payload_bytes


@lru_cache(2**16)  # sizes of images and of what wraps them come again and again
def _varint(value: int) -> bytes:
    """Encodes base 128, least significant group first; all groups but the last have the high bit set."""
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def _masked(crc: int) -> bytes:
    rotated = crc >> 15 | crc << 17 & 0xFFFFFFFF
    return struct.pack("<I", rotated + 0xA282EAD8 & 0xFFFFFFFF)
