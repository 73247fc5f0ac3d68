"""A source of labelled images as one `images` dataset."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from components._errors import InputError
from components._progress import with_progress
from components._storage import whole_folder
from components.formats.dataset import Dataset, write_dataset
from components.ingest.decoding import StoredImage, decode_images
from components.ingest.exact_duplicates import without_exact_duplicates
from components.ingest.near_duplicates import near_duplicate_groups
from components.ingest.parameters import IngestParameters
from components.ingest.shards import write_shards
from components.ingest.sources import Listing, Rejected, open_source

MIN_CLASSES = 2
MIN_CLASS_IMAGES = 3  # one each to train, validate and test
REJECTED_FILE = "rejected.jsonl"


@dataclass(frozen=True)
class Ingested:
    """What came of a source.

    Attributes:
        dataset: The manifest of the images.
        rejected: Files without a row, sorted by path; also in `rejected.jsonl` beside the shards.
        groups: Number of near-duplicate groups; an image like no other is a group of its own.
    """

    dataset: Dataset
    rejected: list[Rejected]
    groups: int


def write_image_dataset(source: Path, images: Path, parameters: IngestParameters) -> Ingested:
    """Reads a source of class folders and writes its images as a dataset.

    Groups are known only when every image has been hashed, so the scaled images wait in one file on disk
    and memory holds a few hundred bytes an image.

    Args:
        source: A folder or archive; see `open_source`.
        images: The folder to write.
        parameters: How to scale, and what counts as the same picture.

    Returns:
        What was written.

    Raises:
        InputError: If the source cannot be read, or classes lack images.
    """
    with whole_folder(images) as folder:
        spool = folder / "spool.jpegs"
        with spool.open("w+b") as stream:
            with open_source(source, folder) as listing:
                decoded, span_of, rejected = _decode_into(stream, listing, parameters.shorter_side_px)
            kept, duplicates = without_exact_duplicates(decoded)
            rejected = sorted(rejected + duplicates, key=lambda file: file.source_uri)
            counts = _checked_counts(source, listing, kept, rejected)
            hashes = np.array([image.perceptual_hash for image in kept], np.uint64)
            groups = near_duplicate_groups([image.id for image in kept], hashes, parameters.near_duplicate_distance)
            shards = write_shards(folder, _rows(kept, groups, stream, span_of))
        spool.unlink()
        lines = [json.dumps(asdict(file), ensure_ascii=False) + "\n" for file in rejected]
        (folder / REJECTED_FILE).write_text("".join(lines), encoding="utf-8")
        dataset = write_dataset(folder, "images", counts, shards, parameters.shorter_side_px)
    return Ingested(dataset, rejected, len(set(groups)))


def _decode_into(
    spool: BinaryIO, listing: Listing, shorter_side_px: int
) -> tuple[list[StoredImage], dict[str, tuple[int, int]], list[Rejected]]:
    """Decodes images and appends their JPEGs to the spool.

    Returns:
        The images in source order; (offset, length) in the spool by image id; all files rejected so far.
    """
    decoded: list[StoredImage] = []
    span_of: dict[str, tuple[int, int]] = {}
    rejected = list(listing.rejected)
    for result in with_progress("ingest", decode_images(listing.images, shorter_side_px), len(listing.images)):
        if isinstance(result, Rejected):
            rejected.append(result)
            continue
        image, jpeg = result
        decoded.append(image)
        if image.id not in span_of:
            span_of[image.id] = (spool.tell(), len(jpeg))
            spool.write(jpeg)
    return decoded, span_of, rejected


def _rows(
    images: Sequence[StoredImage], groups: Sequence[str], spool: BinaryIO, span_of: dict[str, tuple[int, int]]
) -> Iterator[dict[str, Any]]:
    for image, group in zip(images, groups, strict=True):
        offset, length = span_of[image.id]
        spool.seek(offset)
        yield {**asdict(image), "image": spool.read(length), "group": group}


def _checked_counts(
    source: Path, listing: Listing, kept: Sequence[StoredImage], rejected: Sequence[Rejected]
) -> dict[str, int]:
    """Counts usable images per class, classes in label order: sorted by name.

    Raises:
        InputError: If there are too few classes, or one has too few usable images.
    """
    usable = Counter(image.label for image in kept)
    files = Counter(image.label for image in listing.images)
    counts = {label: usable[label] for label in sorted(files)}
    if len(counts) < MIN_CLASSES or min(counts.values()) < MIN_CLASS_IMAGES:
        found = "; ".join(f"{label!r}: {count} of {files[label]}" for label, count in counts.items())
        reasons = "".join(f"\n  {file.source_uri}: {file.reason}" for file in rejected[:5])
        raise InputError(
            f"--source {source}: expected at least {MIN_CLASSES} class folders with at least {MIN_CLASS_IMAGES} "
            f"usable images each. Usable images found: {found or 'none'}. Add images to the classes that have "
            f"too few, or remove their folders. {len(rejected)} files were rejected{':' * bool(reasons)}{reasons}"
        )
    return counts
