"""What is known of images, put together into rows."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any, BinaryIO

import numpy as np

from components.ingest.decoded_columns import DecodedColumns, GroupKeys, KeyRanks
from components.ingest.exact_duplicates import ExactDuplicates, Numbers


def image_rows(
    decoded: DecodedColumns, duplicates: ExactDuplicates, naming: Numbers, keys: GroupKeys, jpegs: BinaryIO
) -> Iterator[dict[str, Any]]:
    """Yields a row for each image that is kept, in source order.

    Args:
        decoded: All images.
        duplicates: Which of them are kept.
        naming: For each image the number of the one that names its group, int64 [N].
        keys: The user's own groups.
        jpegs: Theirs, one behind the other.

    Yields:
        As in IMAGE_SCHEMA.
    """
    keys_of = _KeysWithCopies(duplicates.first, keys)
    offset = 0
    for number, image in enumerate(decoded.images):
        if duplicates.kept[number]:
            row = asdict(image)
            del row["group_key"]  # its own alone
            jpegs.seek(offset)
            row["image"] = jpegs.read(image.image_bytes)
            row["group"] = _group(decoded, keys, int(naming[number]))
            row["group_keys"] = keys_of(number)
            yield row
        offset += image.image_bytes


def _group(decoded: DecodedColumns, keys: GroupKeys, named_by: int) -> str:
    """Returns the name of a group: `key:` and a key, or an id."""
    rank = int(keys.rank[named_by])
    return decoded.id_text(named_by) if rank < 0 else f"key:{keys.text(rank)}"


class _KeysWithCopies:
    """The keys of an image and its copies, sorted: a copy has no row, but its property has to be known."""

    def __init__(self, first: Numbers, keys: GroupKeys) -> None:
        self._keys = keys
        self._first, self._rank = _distinct_pairs(first, keys.rank)

    def __call__(self, number: int) -> list[str]:
        start, end = np.searchsorted(self._first, [number, number + 1])
        return [self._keys.text(int(rank)) for rank in self._rank[start:end]]


def _distinct_pairs(first: Numbers, rank: KeyRanks) -> tuple[Numbers, Numbers]:
    """Returns each pair of an image and a key once, sorted."""
    width = int(rank.max(initial=0)) + 1
    keyed = rank >= 0
    return np.divmod(np.unique(first[keyed] * width + rank[keyed]), width)
