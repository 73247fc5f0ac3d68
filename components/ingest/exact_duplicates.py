"""Images that came more than once, byte for byte."""

from collections.abc import Iterable

from components.ingest.decoding import StoredImage
from components.ingest.sources import Rejected


def without_exact_duplicates(images: Iterable[StoredImage]) -> tuple[list[StoredImage], list[Rejected]]:
    """Keeps the first of each image; none of an image that came under several labels.

    Args:
        images: In source order.

    Returns:
        The images to keep, in the same order, and the others with the reason.
    """
    copies: dict[str, list[StoredImage]] = {}
    for image in images:
        copies.setdefault(image.id, []).append(image)
    kept, rejected = [], []
    for first, *others in copies.values():
        if any(other.label != first.label for other in others):
            paths = ", ".join(repr(image.source_uri) for image in (first, *others))
            reason = f"the same image under several labels: {paths}; keep it in one class folder"
            rejected += [Rejected(image.source_uri, image.label, reason) for image in (first, *others)]
        else:
            kept.append(first)
            reason = f"exact duplicate of {first.source_uri!r}"
            rejected += [Rejected(image.source_uri, image.label, reason) for image in others]
    return kept, rejected
