"""Images as tf.train.Example in TFRecord shards, in shuffled order."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from components.formats.dataset import ENCODED, ID, LABEL, TEXT
from components.split.image_rows import ImageRow
from components.split.tfrecord import example, record

# Several workers with several readers each find a shard for every reader, and no shard gets tiny.
_SHARDS, _MIN_SHARD_ROWS = 32, 64
# About 200 MB: putting a shard in order holds it in memory.
_MAX_SHARD_ROWS = 4096


class Place(NamedTuple):
    """Where an example goes: a shard, and the position in it from 0."""

    shard: Path
    position: int


def shard_count(rows: int) -> int:
    """Returns the number of shards for a split of so many images; at least 1."""
    return max(1, min(_SHARDS, rows // _MIN_SHARD_ROWS), -(-rows // _MAX_SHARD_ROWS))


def shuffled_places(folder: Path, split: str, image_ids: Iterable[str], seed: int) -> dict[str, Place]:
    """Spreads a split's images over shards of equal size, in an order drawn from seed and ids alone.

    Args:
        folder: Of the shards.
        split: Begins their names.
        image_ids: At least one, without repetition, in any order.
        seed: Changes the draw.

    Returns:
        The place of each image by id, in reading order.
    """
    drawn = sorted(image_ids, key=lambda image_id: hashlib.sha256(f"{seed}/{image_id}".encode()).digest())
    shards = shard_count(len(drawn))
    places: dict[str, Place] = {}
    first = 0
    for number in range(shards):
        shard = folder / f"{split}-{number:05d}-of-{shards:05d}.tfrecord"
        end = len(drawn) * (number + 1) // shards
        places |= {drawn[rank]: Place(shard, rank - first) for rank in range(first, end)}
        first = end
    return places


def write_examples(rows: Iterable[ImageRow], places: Mapping[str, Place], class_names: Sequence[str]) -> None:
    """Writes each image to its place.

    Rows come in class order and once only, so each shard is written as they come and put in order
    afterwards: the disk is read and written in one go each time, and memory holds one shard.

    Args:
        rows: Every image of `places`, in any order.
        places: By image id.
        class_names: In label order.
    """
    label_of = {name: label for label, name in enumerate(class_names)}
    arrived: dict[Path, list[tuple[int, int]]] = {place.shard: [] for place in places.values()}  # position, length
    with ExitStack() as files:
        streams = {shard: files.enter_context(shard.open("wb")) for shard in arrived}
        for row in rows:
            place = places[row.id]
            data = record(
                example({ENCODED: row.jpeg, LABEL: label_of[row.label], TEXT: row.label.encode(), ID: row.id.encode()})
            )
            streams[place.shard].write(data)
            arrived[place.shard].append((place.position, len(data)))
    for shard, records in arrived.items():
        _put_in_order(shard, records)


def _put_in_order(shard: Path, records: Iterable[tuple[int, int]]) -> None:
    data = memoryview(shard.read_bytes())
    pieces, offset = {}, 0
    for position, length in records:
        pieces[position] = data[offset : offset + length]
        offset += length
    with shard.open("wb") as stream:
        stream.writelines(pieces[position] for position in sorted(pieces))
