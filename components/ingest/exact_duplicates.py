"""Images that came more than once, byte for byte."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from components._errors import InputError
from components.ingest.decoded_columns import DecodedColumns, Ids, Labels
from components.ingest.rejected import Kind, Rejected

Numbers = NDArray[np.int64]
Mask = NDArray[np.bool_]

_CONFLICTS_SHOWN = 5
_PATHS_SHOWN = 5


@dataclass(frozen=True)
class ExactDuplicates:
    """Which images are the same, by their numbers in source order.

    Attributes:
        first: For each image the first with the same bytes, int64 [N].
        conflict: Whether it came under several labels, bool [N].
        kept: Whether it becomes a row, bool [N].
    """

    first: Numbers
    conflict: Mask
    kept: Mask

    @cached_property
    def copies(self) -> Numbers:
        """How often each first image came, int64 [N]; 0 for others."""
        return np.bincount(self.first, minlength=len(self.first))


def exact_duplicates(
    decoded: DecodedColumns, label_conflicts: Literal["drop", "keep_first", "error"]
) -> ExactDuplicates:
    """Finds the same images, and keeps the first of each.

    Args:
        decoded: All images.
        label_conflicts: What becomes of an image that came under several labels: none of it is kept, its
            first is, or the step ends.

    Returns:
        What is the same, and what is kept.

    Raises:
        InputError: If there are conflicts and they are to be errors; names the first of them.
    """
    first = _first_of_each(decoded.ids)
    conflict = _conflicts(first, decoded.labels)
    kept = first == np.arange(len(first))
    if label_conflicts == "drop":
        kept &= ~conflict
    found = ExactDuplicates(first, conflict, kept)
    if label_conflicts == "error" and conflict.any():
        raise InputError(_message(decoded, found))
    return found


def rejected_duplicates(decoded: DecodedColumns, found: ExactDuplicates) -> Iterator[Rejected]:
    """Yields the images that are not kept, in source order, with the reason.

    Memory holds the paths that reasons name: those of the images that came more than once, the first of each label.
    """
    if found.kept.all():
        return
    paths = _first_paths(decoded, found, np.flatnonzero(found.copies[found.first] > 1))
    for number, image in enumerate(decoded.images):
        if found.kept[number]:
            continue
        first = int(found.first[number])
        kind: Kind = "label conflict" if found.conflict[number] else "exact duplicate"
        reason = _reason(decoded, found, first, paths[first])
        yield Rejected(image.source_uri, image.label, kind, reason)


def _first_of_each(ids: Ids) -> Numbers:
    order = np.argsort(ids, kind="stable")
    ordered = ids[order]
    starts = np.concatenate([[True], ordered[1:] != ordered[:-1]])[: len(ids)]
    first = np.empty(len(ids), np.int64)
    first[order] = order[np.flatnonzero(starts)[np.cumsum(starts) - 1]]
    return first


def _conflicts(first: Numbers, labels: Labels) -> Mask:
    of_first = np.zeros(len(first), bool)
    of_first[first[labels != labels[first]]] = True
    return of_first[first]


def _first_paths(decoded: DecodedColumns, found: ExactDuplicates, numbers: Numbers) -> dict[int, list[str]]:
    """Collects by first image the path of the first of each label, in source order."""
    labels = len(decoded.class_names)
    _, at = np.unique(found.first[numbers] * labels + decoded.labels[numbers], return_index=True)
    is_named = np.zeros(len(decoded), bool)
    is_named[numbers[at]] = True
    paths = defaultdict(list)
    for number, image in enumerate(decoded.images):
        if is_named[number]:
            paths[int(found.first[number])].append(image.source_uri)
    return paths


def _reason(decoded: DecodedColumns, found: ExactDuplicates, first: int, paths: list[str]) -> str:
    if found.conflict[first]:
        return _conflict(decoded, found, first, paths)
    return f"exact duplicate of {paths[0]!r}"


def _conflict(decoded: DecodedColumns, found: ExactDuplicates, first: int, paths: list[str]) -> str:
    """Names one image of each label and no more: a placeholder may lie in thousands of folders."""
    shown = sorted(paths)[:_PATHS_SHOWN]
    copies = found.copies[first]
    more = f" and {copies - len(shown)} more" if copies > len(shown) else ""
    listed = ", ".join(map(repr, shown)) + more
    image = decoded.id_text(first)[:12]
    return f"the same image under several labels: {listed}; keep it in one class folder (id {image})"


def _message(decoded: DecodedColumns, found: ExactDuplicates) -> str:
    conflicts = np.unique(found.first[found.conflict])
    shown = conflicts[:_CONFLICTS_SHOWN]
    paths = _first_paths(decoded, found, np.flatnonzero(np.isin(found.first, shown)))
    lines = "".join(f"\n  {_conflict(decoded, found, int(first), paths[int(first)])}" for first in shown)
    return (
        f"--label-conflicts error: expected each image under one label, found {len(conflicts)} under several:{lines}\n"
        "Or choose drop or keep_first."
    )
