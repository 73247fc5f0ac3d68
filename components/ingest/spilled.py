"""Sequences that lie on disk, so that their length does not count in memory."""

import heapq
import pickle
import weakref
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from os import SEEK_END
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any, Generic, TypeVar

T = TypeVar("T")

_BATCH_ITEMS = 512  # in memory while others are on disk
_RUN_ITEMS = 2**15  # sorted in memory: of what a listing holds some 30 MB


class Spilled(Generic[T]):
    """Items that were appended, in order; all but the last few hundred lie in a file without a name.

    The system removes that file when nobody reads it any more, and when this process is killed.
    """

    def __init__(self, folder: Path, items: Iterable[T] = ()) -> None:
        """Begins with some items.

        Args:
            folder: An existing one on a disk with room.
            items: What can be pickled.
        """
        self._folder = folder
        self._file: IO[bytes] | None = None
        self._length = 0
        self._last: list[T] = []
        for item in items:
            self.append(item)

    def __len__(self) -> int:
        """Returns the number of items."""
        return self._length

    def append(self, item: T) -> None:
        """Adds an item at the end."""
        self._last.append(item)
        self._length += 1
        if len(self._last) == _BATCH_ITEMS:
            file = self._opened()
            file.seek(0, SEEK_END)  # where it has been read since, it is elsewhere
            pickle.dump(self._last, file, pickle.HIGHEST_PROTOCOL)
            self._last = []

    def __iter__(self) -> Iterator[T]:
        """Yields the items; several readers don't disturb each other."""
        position = 0
        for _ in range(self._length // _BATCH_ITEMS):
            file = self._opened()
            file.seek(position)
            batch: list[T] = pickle.load(file)  # noqa: S301 - written by this process, into a file without a name
            position = file.tell()
            yield from batch
        yield from self._last

    def _opened(self) -> IO[bytes]:
        if not self._file:
            self._file = TemporaryFile(dir=self._folder)  # noqa: SIM115 - closed with this object
            weakref.finalize(self, self._file.close)
        return self._file


def sorted_on_disk(items: Iterable[T], key: Callable[[T], Any], folder: Path) -> Iterator[T]:
    """Sorts any number of items as `sorted` does, equal ones in the order they came.

    An external merge sort (Knuth: "The Art of Computer Programming", volume 3, section 5.4): runs are sorted in memory
    and merged from disk.

    Args:
        items: What can be pickled.
        key: See `sorted`.
        folder: See `Spilled`.

    Returns:
        The items in order.
    """
    upcoming = iter(items)
    runs: list[Spilled[T]] = []
    while run := Spilled(folder, sorted(islice(upcoming, _RUN_ITEMS), key=key)):
        runs.append(run)
    return heapq.merge(*runs, key=key)
