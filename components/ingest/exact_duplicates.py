"""Images that came more than once, byte for byte."""

from collections.abc import Iterable, Sequence
from typing import Literal

from components._errors import InputError
from components.ingest.decode.images import StoredImage
from components.ingest.rejected import Rejected

_CONFLICTS_SHOWN = 5


def without_exact_duplicates(
    images: Iterable[StoredImage], label_conflicts: Literal["drop", "keep_first", "error"]
) -> tuple[list[StoredImage], list[Rejected]]:
    """Keeps the first of each image.

    Args:
        images: In source order.
        label_conflicts: What becomes of an image that came under several labels: none of it is kept, its
            first is, or the step ends.

    Returns:
        The images to keep, in the same order, and the others with the reason.

    Raises:
        InputError: If there are conflicts and they are to be errors; names the first of them.
    """
    copies: dict[str, list[StoredImage]] = {}
    for image in images:
        copies.setdefault(image.id, []).append(image)
    conflicts = [same for same in copies.values() if len({image.label for image in same}) > 1]
    if conflicts and label_conflicts == "error":
        raise InputError(_message(conflicts))
    kept, rejected = [], []
    for same in copies.values():
        first, *others = same
        conflict = any(other.label != first.label for other in others)
        if conflict and label_conflicts == "drop":
            others = same
        else:
            kept.append(first)
        rejected += [_rejected(image, same) for image in others]
    return kept, rejected


def _rejected(image: StoredImage, same: Sequence[StoredImage]) -> Rejected:
    first = same[0]
    if all(other.label == first.label for other in same):
        reason = f"exact duplicate of {first.source_uri!r}"
        return Rejected(image.source_uri, image.label, "exact duplicate", reason)
    reason = f"the same image under several labels: {_paths(same)}; keep it in one class folder"
    return Rejected(image.source_uri, image.label, "label conflict", reason)


def _paths(same: Sequence[StoredImage]) -> str:
    return ", ".join(repr(image.source_uri) for image in same)


def _message(conflicts: Sequence[Sequence[StoredImage]]) -> str:
    shown = "".join(f"\n  {_paths(same)}" for same in conflicts[:_CONFLICTS_SHOWN])
    return (
        f"--label-conflicts error: expected each image under one label, found {len(conflicts)} under several:{shown}\n"
        "Keep each in one class folder, or choose drop or keep_first."
    )
