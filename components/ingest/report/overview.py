"""What an `images` dataset holds, for people: read from its folder alone, without the pixels."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from pathlib import Path

import numpy as np

from components.formats.dataset import Dataset, read_dataset
from components.ingest.report.clusters import Clusters, near_duplicate_clusters
from components.ingest.report.columns import Columns, Integers, Picture, read_columns
from components.ingest.report.outliers import Outliers, quality_outliers
from components.ingest.report.rejections import Rejections, read_rejections
from components.ingest.report.sizes import Sizes, source_sizes, spread
from components.ingest.source.class_map import ClassMap, read_class_map

# No more than this is shown, so that a page stays light whatever the data.
_SAMPLES, _SAMPLES_PER_CLASS = 200, 6
_SIZES = 1500
_CLUSTERS, _PICTURES_PER_CLUSTER = 12, 6
_PICTURES_PER_FLAG = 6
_REJECTED_PER_KIND, _LABEL_CONFLICTS = 8, 12


@dataclass(frozen=True)
class ClassCount:
    """One class.

    Attributes:
        name: Of the class.
        images: Number of its images.
        share: The same as a share of all images.
        groups: Number of groups that hold an image of it.
        rejected: Number of its files that were rejected.
        samples: Some of its images, of different groups and spread over its paths.
    """

    name: str
    images: int
    share: float
    groups: int
    rejected: int
    samples: tuple[Picture, ...]


@dataclass(frozen=True)
class Overview:
    """What a dataset holds.

    Attributes:
        dataset: Its manifest.
        classes: The largest first.
        groups: Number of groups; an image like no other is a group of its own.
        group_keys: Number of the user's own groups.
        sizes: Of the source images.
        clusters: Of near-duplicates.
        flagged: Number of images with a quality flag.
        outliers: For each flag that occurs.
        rejections: Files that did not become images.
        folders: What became of the class folders.
    """

    dataset: Dataset
    classes: tuple[ClassCount, ...]
    groups: int
    group_keys: int
    sizes: Sizes
    clusters: Clusters
    flagged: int
    outliers: tuple[Outliers, ...]
    rejections: Rejections
    folders: ClassMap

    @property
    def imbalance(self) -> float:
        """Images of the largest class for each one of the smallest."""
        largest, smallest = self.classes[0].images, self.classes[-1].images
        return largest / smallest if smallest else math.inf


def read_overview(images: Path) -> Overview:
    """Reads what a dataset holds. The same folder gives the same overview.

    Args:
        images: Folder written by ingest.

    Returns:
        The overview.

    Raises:
        InputError: If the folder is no such dataset, or incomplete.
    """
    dataset = read_dataset(images, "images")
    columns = read_columns(images, dataset)
    rejections = read_rejections(images, _REJECTED_PER_KIND, _LABEL_CONFLICTS)
    return Overview(
        dataset=dataset,
        classes=_classes(columns, rejections.per_label),
        groups=int(columns.group.max()) + 1,
        group_keys=int(columns.key.max(initial=-1)) + 1,
        sizes=source_sizes(columns, _SIZES),
        clusters=near_duplicate_clusters(columns, _CLUSTERS, _PICTURES_PER_CLUSTER),
        flagged=len(reduce(np.union1d, columns.rows_of_flag.values(), np.empty(0, np.int64))),
        outliers=quality_outliers(columns, _PICTURES_PER_FLAG),
        rejections=rejections,
        folders=read_class_map(images),
    )


def _classes(columns: Columns, rejected: Mapping[str, int]) -> tuple[ClassCount, ...]:
    images = np.bincount(columns.label, minlength=len(columns.class_names))
    groups = _first_of_each_group(columns)
    each = min(_SAMPLES_PER_CLASS, max(1, _SAMPLES // len(groups)))
    return tuple(
        ClassCount(
            name=columns.class_names[label],
            images=int(images[label]),
            share=float(images[label] / len(columns)),
            groups=len(groups[label]),
            rejected=rejected.get(columns.class_names[label], 0),
            samples=columns.pictures(groups[label][spread(len(groups[label]), each)] if rank < _SAMPLES else ()),
        )
        for rank, label in enumerate(np.argsort(-images, kind="stable"))
    )


def _first_of_each_group(columns: Columns) -> list[Integers]:
    """Returns for each class the first of its rows in each group, rising."""
    classes = len(columns.class_names)
    _, first = np.unique(columns.group * classes + columns.label, return_index=True)
    first.sort()
    by_class = first[np.argsort(columns.label[first], kind="stable")]
    return np.split(by_class, np.cumsum(np.bincount(columns.label[first], minlength=classes))[:-1])
