"""What has to be known of all images at once: 45 bytes of each in memory, the rest of their rows on disk."""

from array import array
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from components._duplicates.near import Hashes
from components.ingest.decode.images import StoredImage
from components.ingest.spilled import Spilled

Ids = NDArray[np.bytes_]
Labels = NDArray[np.uint32]
KeyRanks = NDArray[np.int32]

ID_BYTES = 32  # of a sha256
_KEYS_AT_ONCE = 4096


class DecodedColumns:
    """Images in source order.

    Attributes:
        images: All that is known of them, on disk.
    """

    def __init__(self, folder: Path) -> None:
        """Begins without any; `folder` is where their rows may lie for a while."""
        self.images = Spilled[StoredImage](folder)
        self._ids = bytearray()
        self._hashes = array("Q")
        self._labels = array("I")
        self._label_of: dict[str, int] = {}
        self._flagged = bytearray()

    def __len__(self) -> int:
        """Returns the number of images."""
        return len(self.images)

    def append(self, image: StoredImage) -> None:
        """Adds an image."""
        self.images.append(image)
        self._ids += bytes.fromhex(image.id)
        self._hashes.append(image.perceptual_hash)
        self._labels.append(self._label_of.setdefault(image.label, len(self._label_of)))
        self._flagged.append(bool(image.quality_flags))

    @property
    def ids(self) -> Ids:
        """Their ids, bytes [N]; NumPy leaves zeros at the end of one away, so `id_text` reads a single one."""
        return np.frombuffer(self._ids, f"S{ID_BYTES}")

    @property
    def hashes(self) -> Hashes:
        """Their perceptual hashes, uint64 [N]."""
        return np.frombuffer(self._hashes, np.uint64)

    @property
    def labels(self) -> Labels:
        """The same number for the same class, uint32 [N]."""
        return np.frombuffer(self._labels, np.uint32)

    @property
    def flagged(self) -> NDArray[np.bool_]:
        """Whether they have quality flags, bool [N]."""
        return np.frombuffer(self._flagged, bool)

    @property
    def class_names(self) -> list[str]:
        """The class of each number."""
        return list(self._label_of)

    def id_text(self, number: int) -> str:
        """Returns the id of an image as hexadecimal digits."""
        return self._ids[ID_BYTES * number : ID_BYTES * (number + 1)].hex()


@dataclass(frozen=True)
class GroupKeys:
    """The user's own groups.

    Attributes:
        rank: For each image the place of its key among all, sorted; -1 without one.
        texts: The keys, sorted.
    """

    rank: KeyRanks
    texts: pa.StringArray

    def text(self, rank: int) -> str:
        """Returns a key."""
        return str(self.texts[rank])


def group_keys(images: Iterable[StoredImage]) -> GroupKeys:
    """Ranks the keys of images."""
    keys = (image.group_key for image in images)
    chunks = []
    while chunk := list(islice(keys, _KEYS_AT_ONCE)):
        chunks.append(pa.array(chunk, pa.string()))
    encoded = pa.chunked_array(chunks, pa.string()).combine_chunks().dictionary_encode()
    order = pc.sort_indices(encoded.dictionary).to_numpy()
    rank = np.empty(len(order) + 1, np.int32)
    rank[order] = np.arange(len(order))
    rank[-1] = -1
    return GroupKeys(rank[encoded.indices.fill_null(-1).to_numpy()], encoded.dictionary.take(pa.array(order)))
