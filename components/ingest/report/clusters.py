"""Groups of several images: which look alike, and which of them deserve a look."""

from dataclasses import dataclass

import numpy as np

from components.ingest.report.columns import Columns, Integers, Picture


@dataclass(frozen=True)
class Cluster:
    """Images that never part in a split because they look alike.

    Attributes:
        images: Number of images.
        labels: Images per class, most first.
        group_keys: Number of the user's own groups that it ties together; 0 if no image has a key.
        pictures: The first few; those of the rarest class in the cluster come first.
    """

    images: int
    labels: tuple[tuple[str, int], ...]
    group_keys: int
    pictures: tuple[Picture, ...]

    @property
    def has_label_conflict(self) -> bool:
        """Whether alike images have different labels; a user's own group is no such claim."""
        return not self.group_keys and len(self.labels) > 1


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
    """Finds the groups of several images that likeness made; a group that one key alone explains is none.

    Args:
        columns: Of the dataset.
        limit: How many clusters to show.
        pictures_each: How many pictures of each.

    Returns:
        All of them counted, the most suspicious shown.
    """
    size = np.bincount(columns.group)
    labels = _distinct_per_group(columns.group, columns.label, len(size))
    keys = _distinct_per_group(columns.group[columns.key_row], columns.key, len(size))
    without_key = np.bincount(np.delete(columns.group, columns.key_row), minlength=len(size))
    alike = (size > 1) & ((keys != 1) | (without_key > 0))
    conflict, tied = alike & (labels > 1) & (keys == 0), alike & (keys > 1)
    order = np.lexsort((-size, ~tied, ~conflict))
    shown = order[alike[order]][:limit]
    return Clusters(
        number=int(alike.sum()),
        images=int(size[alike].sum()),
        label_conflicts=int(conflict.sum()),
        tied_keys=int(tied.sum()),
        shown=tuple(_cluster(columns, group, int(keys[group]), pictures_each) for group in shown),
    )


def _distinct_per_group(group: Integers, value: Integers, groups: int) -> Integers:
    """Counts the distinct values, each at least 0, in each group."""
    width = int(value.max(initial=0)) + 1
    return np.bincount(np.unique(group * width + value) // width, minlength=groups)


def _cluster(columns: Columns, group: int, keys: int, pictures: int) -> Cluster:
    rows = np.flatnonzero(columns.group == group)
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
