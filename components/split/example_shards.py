"""Images as tf.train.Example in TFRecord shards, in shuffled order, each record written once at its final place."""

import os
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from components._storage import sync
from components.formats.dataset import ENCODED, ID, LABEL, TEXT
from components.split.assignment import Split
from components.split.disk import allocate, start_writeback
from components.split.image_rows import ImageRows, Integers
from components.split.lots import drawn_ranks
from components.split.tfrecord import Buffer, feature_entries, record_around, record_bytes

# Several workers with several readers each find a shard for every reader, and no shard gets tiny.
_SHARDS, _MIN_SHARD_ROWS = 32, 64
_MAX_SHARD_ROWS = 4096  # about 200 MB
_FILES = 800  # all are open at once, and a process may usually open 1,024; more images make longer shards
_BATCHES = 3


@dataclass(frozen=True)
class Shard:
    """A file of records.

    Attributes:
        file: Its path.
        rows: Number of records, at least 1.
        size_bytes: Of all of them.
    """

    file: Path
    rows: int
    size_bytes: int


@dataclass(frozen=True)
class Places:
    """Where each record goes.

    Attributes:
        shards: Of each split, in reading order.
        files: Of all shards.
        file: Index into `files`, int64 [rows].
        offset: Where in the file the record begins, int64 [rows].
    """

    shards: Mapping[Split, Sequence[Shard]]
    files: Sequence[Shard]
    file: Integers
    offset: Integers


def shard_count(rows: int, rows_in_all: int) -> int:
    """Returns the number of shards for a split of so many of all images; at least 1, and below 900 for all splits.

    It is a power of two or a multiple of the largest, for 2, 4, 8, ... workers to have as many each.
    """
    max_rows = max(_MAX_SHARD_ROWS, -(-rows_in_all // _FILES))
    if rows > _SHARDS * max_rows:
        return -(-rows // max_rows // _SHARDS) * _SHARDS
    return 1 << (max(1, min(_SHARDS, rows // _MIN_SHARD_ROWS)).bit_length() - 1)


def place_records(
    folders: Mapping[Split, Path],
    members: Mapping[Split, Integers],
    rows: ImageRows,
    class_names: Sequence[str],
    seed: int,
) -> Places:
    """Spreads each split's images over shards of equal length, in an order drawn from seed and ids alone.

    The length of a JPEG gives that of its record, so all places are known before a pixel is read.

    Args:
        folders: Of each split's shards.
        members: The rows in each split, at least one.
        rows: All rows.
        class_names: In label order.
        seed: Changes the draw.

    Returns:
        The place of each row.
    """
    sizes = _record_bytes(rows, class_names)
    ranks = drawn_ranks(rows.ids, seed)
    file, offset = np.zeros_like(sizes), np.zeros_like(sizes)
    files: list[Shard] = []
    shards: dict[Split, list[Shard]] = {split: [] for split in folders}
    for split, folder in folders.items():
        drawn = members[split][np.argsort(ranks[members[split]])]
        count = shard_count(len(drawn), len(rows.ids))
        for number in range(count):
            part = drawn[len(drawn) * number // count : len(drawn) * (number + 1) // count]
            ends = np.cumsum(sizes[part])
            file[part], offset[part] = len(files), ends - sizes[part]
            name = f"{split}-{number:05d}-of-{count:05d}.tfrecord"
            files.append(Shard(folder / name, len(part), int(ends[-1])))
            shards[split].append(files[-1])
    return Places(shards, files, file, offset)


def write_examples(
    batches: Iterable[Sequence[Buffer]], rows: ImageRows, places: Places, class_names: Sequence[str]
) -> Iterator[int]:
    """Writes each image's record to its place, once, while the caller reads on.

    Places don't overlap. All along the system is asked to begin bringing to disk what is there, file after file. A
    second writer gains nothing: most of what it could do waits for Python's lock.

    Args:
        batches: JPEGs of all rows, in order, each as long as its row says. Memory holds no more than five batches.
        rows: All rows.
        places: Of each.
        class_names: In label order.

    Yields:
        Each row, once it is written.
    """
    of_label = [_class_entries(label, name) for label, name in enumerate(class_names)]
    first = 0
    writing: deque[Future[range]] = deque()
    to_disk: Future[None] | None = None
    with ExitStack() as files:
        descriptors = [files.enter_context(_opened(shard)) for shard in places.files]
        writer, flusher = (files.enter_context(ThreadPoolExecutor(1)) for _ in range(2))  # end before files are closed
        for batch in batches:
            part = range(first, first + len(batch))
            writing.append(writer.submit(_write_batch, batch, part, rows, places, of_label, descriptors))
            first += len(batch)
            if to_disk is None or to_disk.done():
                to_disk = flusher.submit(_start_writeback, descriptors)
            if len(writing) > _BATCHES:
                yield from writing.popleft().result()
        for written in writing:
            yield from written.result()


def _write_batch(
    jpegs: Sequence[Buffer],
    part: range,
    rows: ImageRows,
    places: Places,
    of_label: Sequence[bytes],
    descriptors: Sequence[int],
) -> range:
    """Writes the records of rows next to each other, and returns which rows these are."""
    chosen = slice(part.start, part.stop)
    ids = rows.ids[chosen].cast(pa.binary()).to_pylist()
    columns = (ids, rows.labels[chosen].tolist(), places.file[chosen].tolist(), places.offset[chosen].tolist())
    for jpeg, image_id, label, file, offset in zip(jpegs, *columns, strict=True):
        before, after = record_around(ENCODED, jpeg, of_label[label] + _id_entry(image_id))
        _write_at(descriptors[file], (before, jpeg, after), offset)
    return part


def _write_at(descriptor: int, parts: tuple[bytes, Buffer, bytes], offset: int) -> None:
    """Writes all of the parts; where a file takes only some, the next call says why."""
    written = os.pwritev(descriptor, parts, offset)
    if written < sum(map(len, parts)):
        rest = b"".join(parts)
        while written < len(rest):
            written += os.pwrite(descriptor, rest[written:], offset + written)


def _start_writeback(descriptors: Iterable[int]) -> None:
    for descriptor in descriptors:
        start_writeback(descriptor)


def flush(shards: Iterable[Shard]) -> None:
    """Brings files to disk."""
    for shard in shards:
        sync(shard.file)


def _record_bytes(rows: ImageRows, class_names: Sequence[str]) -> Integers:
    of_label = np.array([len(_class_entries(label, name)) for label, name in enumerate(class_names)], np.int64)
    id_bytes = np.asarray(pc.binary_length(rows.ids).to_numpy(), np.int64)
    lengths, which = np.unique(id_bytes, return_inverse=True)
    of_id = np.array([len(_before_id(length)) + length for length in lengths.tolist()])[which]
    return record_bytes(ENCODED, rows.image_bytes, of_label[rows.labels] + of_id)


def _class_entries(label: int, name: str) -> bytes:
    return feature_entries({LABEL: label, TEXT: name.encode()})


def _id_entry(image_id: bytes) -> bytes:
    return _before_id(len(image_id)) + image_id


@cache
def _before_id(id_length: int) -> bytes:
    """Returns what comes before an id in its entry: it depends on the id's length alone."""
    return feature_entries({ID: b"0" * id_length})[:-id_length]


@contextmanager
def _opened(shard: Shard) -> Iterator[int]:
    """Opens a file for writing, as long as it will be."""
    descriptor = os.open(shard.file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        allocate(shard.file, descriptor, shard.size_bytes)
        yield descriptor
    finally:
        os.close(descriptor)
