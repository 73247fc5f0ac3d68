"""Images that look alike, whoever they belong to, and which of them deserve a look."""

from dataclasses import dataclass

import numpy as np

from components._duplicates.forest import Forest
from components._duplicates.near import unite_near
from components.ingest.report.columns import Columns, Integers, Picture


@dataclass(frozen=True)
class Cluster:
    """Two images or more that look alike; a chain of near-duplicates connects them, as it does in a group.

    Attributes:
        images: Number of images.
        labels: Images per class, most first.
        group_keys: Number of the user's own groups that its images have; it ties them together if they are several.
        pictures: The first few; those of the rarest class in the cluster come first.
    """

    images: int
    labels: tuple[tuple[str, int], ...]
    group_keys: int
    pictures: tuple[Picture, ...]

    @property
    def has_label_conflict(self) -> bool:
        """Whether alike images have different labels."""
        return len(self.labels) > 1


@dataclass(frozen=True)
class Clusters:
    """All clusters of near-duplicates.

    Attributes:
        number: How many.
        images: Images in them.
        label_conflicts: How many hold several classes.
        tied_keys: How many tie several of the user's own groups together.
        shown: The first few: those with several classes, then those that tie groups together, then the largest.
    """

    number: int
    images: int
    label_conflicts: int
    tied_keys: int
    shown: tuple[Cluster, ...]


def near_duplicate_clusters(columns: Columns, limit: int, pictures_each: int) -> Clusters:
    """Finds images that look alike, with or without a key in common.

    Likeness is told from the perceptual hashes, by ingest's own rule: in a group, keys join images too.

    Args:
        columns: Of the dataset.
        limit: How many clusters to show.
        pictures_each: How many pictures of each.

    Returns:
        All of them counted, the most suspicious shown.
    """
    cluster = _alike(columns)
    size = np.bincount(cluster)
    labels = _distinct_per_cluster(cluster, columns.label, len(size))
    keys = _distinct_per_cluster(cluster[columns.key_row], columns.key, len(size))
    alike = size > 1
    conflict, tied = alike & (labels > 1), alike & (keys > 1)
    order = np.lexsort((-size, ~tied, ~conflict))
    shown = order[alike[order]][:limit]
    return Clusters(
        number=int(alike.sum()),
        images=int(size[alike].sum()),
        label_conflicts=int(conflict.sum()),
        tied_keys=int(tied.sum()),
        shown=tuple(_cluster(columns, np.flatnonzero(cluster == one), int(keys[one]), pictures_each) for one in shown),
    )


def _alike(columns: Columns) -> Integers:
    """Returns a number for each row that is the same for rows that look alike: the first row that does."""
    rows = np.arange(len(columns))
    forest = Forest(len(columns))
    unite_near(forest, rows, columns.hash, columns.near_duplicate_distance)
    return forest.roots(rows)


def _distinct_per_cluster(cluster: Integers, value: Integers, clusters: int) -> Integers:
    """Counts the distinct values, each at least 0, in each cluster."""
    width = int(value.max(initial=0)) + 1
    return np.bincount(np.unique(cluster * width + value) // width, minlength=clusters)


def _cluster(columns: Columns, rows: Integers, keys: int, pictures: int) -> Cluster:
    labels = columns.label[rows]
    count = np.bincount(labels, minlength=len(columns.class_names))
    most_first = [int(label) for label in np.argsort(-count, kind="stable") if count[label]]
    rarest_first = rows[np.argsort(count[labels], kind="stable")]
    return Cluster(
        images=len(rows),
        labels=tuple((columns.class_names[label], int(count[label])) for label in most_first),
        group_keys=keys,
        pictures=columns.pictures(rarest_first[:pictures]),
    )
