"""Rows of images in few words, and what is decided on them by the names of their groups."""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from components.split.assignment import NONE, SPLITS, Groups, Split
from components.split.decision import decide
from components.split.image_rows import ImageRows
from components.split.ledger import Ledger, Run
from components.split.parameters import SplitParameters


class Image(NamedTuple):
    """A row."""

    id: str
    label: str
    group: str
    keys: Collection[str] = ()
    hash: int | None = None  # like no other


class Decided(NamedTuple):
    """A decision, with splits by the names of groups."""

    splits: Mapping[str, Split]
    ledger: Ledger


def rows_of(images: Sequence[Image], class_names: Sequence[str], near_duplicate_distance: int = 0) -> ImageRows:
    """Puts images into columns."""
    names = list(dict.fromkeys(image.group for image in images))
    hashes = [int(hashlib.sha256(i.id.encode()).hexdigest()[:16], 16) if i.hash is None else i.hash for i in images]
    return ImageRows(
        ids=pa.array([image.id for image in images], pa.string()),
        labels=np.array([class_names.index(image.label) for image in images]),
        group_names=pa.array(names, pa.string()),
        groups=np.array([names.index(image.group) for image in images]),
        keys=pa.array([sorted(image.keys) for image in images], pa.list_(pa.string())),
        hashes=np.array(hashes, np.uint64),
        image_bytes=np.ones(len(images), np.int64),
        near_duplicate_distance=near_duplicate_distance,
    )


def decided(
    images: Sequence[Image],
    previous: Ledger | None,
    run: Run,
    parameters: SplitParameters,
    near_duplicate_distance: int = 0,
) -> Decided:
    """Decides on images."""
    rows = rows_of(images, run.class_names, near_duplicate_distance)
    decision = decide(rows, previous, run, parameters)
    names = [SPLITS[split] for split in decision.splits]
    return Decided(dict(zip(rows.group_names.to_pylist(), names, strict=True)), decision.ledger)


def groups_by_hand(sizes: Mapping[str, tuple[str, int]]) -> Groups:
    """Makes groups of (label, number of images) by their names; labels are single letters."""
    labels = np.array([ord(label) - ord("a") for label, _ in sizes.values()], np.int64)
    return Groups(pa.array(list(sizes), pa.string()), labels, np.array([size for _, size in sizes.values()], np.int64))


def codes(groups: Groups, known: Mapping[str, int]) -> np.ndarray[tuple[int], np.dtype[np.int8]]:
    """Returns what is known of each group, NONE for the others."""
    return np.array([known.get(name, NONE) for name in groups.ids.to_pylist()], np.int8)
