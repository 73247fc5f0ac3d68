"""Images that came more than once, byte for byte."""

from collections.abc import Iterable, Sequence
from typing import Literal

from components._errors import InputError
from components.ingest.decode.images import StoredImage
from components.ingest.rejected import Kind, Rejected

_CONFLICTS_SHOWN = 5
_PATHS_SHOWN = 5


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
        kind: Kind = "label conflict" if conflict else "exact duplicate"
        reason = _conflict(same) if conflict else f"exact duplicate of {first.source_uri!r}"
        rejected += [Rejected(image.source_uri, image.label, kind, reason) for image in others]
    return kept, rejected


def _conflict(same: Sequence[StoredImage]) -> str:
    """Names one image of each label and no more: a placeholder may lie in thousands of folders."""
    first_of_label = {image.label: image.source_uri for image in reversed(same)}
    shown = sorted(first_of_label.values())[:_PATHS_SHOWN]
    more = f" and {len(same) - len(shown)} more" if len(same) > len(shown) else ""
    paths = ", ".join(map(repr, shown)) + more
    return f"the same image under several labels: {paths}; keep it in one class folder (id {same[0].id[:12]})"


def _message(conflicts: Sequence[Sequence[StoredImage]]) -> str:
    shown = "".join(f"\n  {_conflict(same)}" for same in conflicts[:_CONFLICTS_SHOWN])
    return (
        f"--label-conflicts error: expected each image under one label, found {len(conflicts)} under several:{shown}\n"
        "Or choose drop or keep_first."
    )
