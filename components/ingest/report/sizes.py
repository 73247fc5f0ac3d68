"""Sizes and shapes of the source images."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from components.ingest.report.columns import Columns, Integers, Reals

# Width to height of the shapes that cameras and people make.
_SHAPES = {"1:2": 1 / 2, "9:16": 9 / 16, "2:3": 2 / 3, "3:4": 3 / 4, "1:1": 1.0,
           "4:3": 4 / 3, "3:2": 3 / 2, "16:9": 16 / 9, "2:1": 2.0}  # fmt: skip


@dataclass(frozen=True)
class Size:
    """Images of one size, in pixels."""

    width_px: int
    height_px: int
    images: int


@dataclass(frozen=True)
class Sizes:
    """Sizes of the source images, upright and before scaling.

    Attributes:
        sample: Sizes of some images, spread evenly over the dataset; of all if they are few.
        sampled: Number of images in `sample`.
        shorter_side_px: Smallest, median and largest shorter side of all images.
        shapes: Images by the nearest common ratio of width to height, from the narrowest to the widest.
    """

    sample: tuple[Size, ...]
    sampled: int
    shorter_side_px: tuple[int, int, int]
    shapes: dict[str, int]


def source_sizes(columns: Columns, limit: int) -> Sizes:
    """Sums up sizes and shapes.

    Args:
        columns: Of the dataset, at least one row.
        limit: How many images to show the sizes of.

    Returns:
        Shapes and shorter sides of all images, sizes of a sample.
    """
    width_px, height_px = columns.numbers["source_width_px"], columns.numbers["source_height_px"]
    rows = spread(len(columns), limit)
    sample, images = np.unique(np.stack([width_px[rows], height_px[rows]], axis=1), axis=0, return_counts=True)
    shorter_px = np.minimum(width_px, height_px)
    return Sizes(
        sample=tuple(Size(int(w), int(h), int(n)) for (w, h), n in zip(sample, images, strict=True)),
        sampled=len(rows),
        shorter_side_px=(int(shorter_px.min()), int(np.median(shorter_px)), int(shorter_px.max())),
        shapes=_shapes(np.log(width_px / height_px)),
    )


def spread(length: int, limit: int) -> Integers:
    """Returns at most `limit` positions in [0, length), spread evenly."""
    return np.linspace(0, length - 1, min(length, limit)).round().astype(np.int64)


def _shapes(log_ratio: Reals) -> dict[str, int]:
    borders = [(a + b) / 2 for a, b in pairwise(np.log(list(_SHAPES.values())))]
    images = np.bincount(np.searchsorted(borders, log_ratio), minlength=len(_SHAPES))
    return {name: int(number) for name, number in zip(_SHAPES, images, strict=True) if number}
