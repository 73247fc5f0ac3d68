"""A source of labelled images as one `images` dataset."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from operator import attrgetter
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from components._errors import InputError
from components._progress import with_progress
from components._storage import whole_folder
from components._text import visible
from components.formats.dataset import MANIFEST, Dataset, write_dataset
from components.ingest.decode.images import StoredImage, decode_images
from components.ingest.exact_duplicates import without_exact_duplicates
from components.ingest.near_duplicates import near_duplicate_groups
from components.ingest.parameters import IngestParameters
from components.ingest.rejected import REJECTED_FILE, Rejected
from components.ingest.shards import write_shards
from components.ingest.source.class_map import ClassMap, write_class_map
from components.ingest.source.listing import Listing, open_source

MIN_CLASSES = 2


@dataclass(frozen=True)
class Ingested:
    """What came of a source.

    Attributes:
        dataset: The manifest of the images.
        rejected: Files without a row, sorted by path; also in `rejected.jsonl` beside the shards.
        groups: Number of groups; an image like no other, and without a key of the user's, is a group of its own.
        flagged: Number of images with a quality flag.
        classes: What became of the class folders; also in `class_map.json` beside the shards.
    """

    dataset: Dataset
    rejected: list[Rejected]
    groups: int
    flagged: int
    classes: ClassMap


def write_image_dataset(source: str, images: Path, parameters: IngestParameters) -> Ingested:
    """Reads a source of labelled images and writes them as a dataset.

    Groups are known only when every image has been hashed, so the scaled images wait in one file on disk
    and memory holds a few hundred bytes an image.

    Args:
        source: A path or URI; see `open_source`.
        images: The folder to write.
        parameters: Which files count, as what; how to scale; what counts as the same picture.

    Returns:
        What was written.

    Raises:
        InputError: If the source cannot be read, classes lack images, or images have several labels and that
            is to be an error.
    """
    with whole_folder(images, holds=MANIFEST) as folder:
        spool = folder / "spool.jpegs"
        with spool.open("w+b") as stream:
            with open_source(source, parameters, folder) as listing:
                _check_classes(source, listing, parameters.min_class_images)
                decoded, span_of, rejected = _decode_into(stream, listing, parameters)
            groups = _groups(decoded, parameters.near_duplicate_distance)
            kept, duplicates = without_exact_duplicates(decoded, parameters.label_conflicts)
            rejected = sorted(rejected + duplicates, key=attrgetter("source_uri"))
            counts = _checked_counts(source, listing, kept, rejected, parameters.min_class_images)
            shards = write_shards(folder, _rows(kept, groups, _group_keys(decoded), stream, span_of))
        spool.unlink()
        lines = [json.dumps(asdict(file), ensure_ascii=False) + "\n" for file in rejected]
        (folder / REJECTED_FILE).write_text("".join(lines), encoding="utf-8")
        write_class_map(folder, listing.classes)
        dataset = write_dataset(folder, "images", counts, shards, parameters.shorter_side_px)
    flagged = sum(bool(image.quality_flags) for image in kept)
    return Ingested(dataset, rejected, len({groups[image.id] for image in kept}), flagged, listing.classes)


def _decode_into(
    spool: BinaryIO, listing: Listing, parameters: IngestParameters
) -> tuple[list[StoredImage], dict[str, tuple[int, int]], list[Rejected]]:
    """Decodes images and appends their JPEGs to the spool.

    Returns:
        The images in source order; (offset, length) in the spool by image id; all files rejected so far.
    """
    decoded: list[StoredImage] = []
    span_of: dict[str, tuple[int, int]] = {}
    rejected = list(listing.rejected)
    for result in with_progress("ingest", decode_images(listing.images, parameters), len(listing.images)):
        if isinstance(result, Rejected):
            rejected.append(result)
            continue
        image, jpeg = result
        decoded.append(image)
        if image.id not in span_of:
            span_of[image.id] = (spool.tell(), len(jpeg))
            spool.write(jpeg)
    return decoded, span_of, rejected


def _groups(decoded: Sequence[StoredImage], max_distance: int) -> dict[str, str]:
    """Groups images by id, copies included: one that lies in two properties' folders ties them together."""
    ids = [image.id for image in decoded]
    hashes = np.array([image.perceptual_hash for image in decoded], np.uint64)
    groups = near_duplicate_groups(ids, hashes, max_distance, [image.group_key for image in decoded])
    return dict(zip(ids, groups, strict=True))


def _group_keys(decoded: Sequence[StoredImage]) -> dict[str, list[str]]:
    """Collects the keys of each image and its copies by id: a copy has no row, but its property has to be known."""
    keys: defaultdict[str, set[str]] = defaultdict(set)
    for image in decoded:
        if image.group_key is not None:
            keys[image.id].add(image.group_key)
    return {image_id: sorted(of_image) for image_id, of_image in keys.items()}


def _rows(
    images: Sequence[StoredImage],
    groups: Mapping[str, str],
    group_keys: Mapping[str, Sequence[str]],
    spool: BinaryIO,
    span_of: Mapping[str, tuple[int, int]],
) -> Iterator[dict[str, Any]]:
    for image in images:
        offset, length = span_of[image.id]
        spool.seek(offset)
        row = asdict(image)
        del row["group_key"]  # its own alone
        row |= {"image": spool.read(length), "group": groups[image.id], "group_keys": group_keys.get(image.id, [])}
        yield row


def _check_classes(source: str, listing: Listing, min_class_images: int) -> None:
    """Refuses, before anything is decoded, what can't become a dataset.

    Raises:
        InputError: If there are too few classes, or one has too few files.
    """
    files = Counter(image.label for image in listing.images)
    if len(files) < MIN_CLASSES:
        found = ", ".join(map(repr, sorted(files))) or "none"
        raise InputError(
            f"--source {source}: expected files of at least {MIN_CLASSES} classes, found {found}. Check the place, "
            f"--class-pattern and --ignored-folders.{_left_out(listing.rejected) if listing.rejected else ''}"
        )
    if too_few := {label: count for label, count in sorted(files.items()) if count < min_class_images}:
        raise InputError(_too_few(source, too_few, files, min_class_images))


def _checked_counts(
    source: str, listing: Listing, kept: Sequence[StoredImage], rejected: Sequence[Rejected], min_class_images: int
) -> dict[str, int]:
    """Counts usable images per class, classes in label order: sorted by name.

    Raises:
        InputError: If a class has too few usable images.
    """
    usable = Counter(image.label for image in kept)
    files = Counter(image.label for image in listing.images)
    counts = {label: usable[label] for label in sorted(files)}
    if too_few := {label: count for label, count in counts.items() if count < min_class_images}:
        raise InputError(_too_few(source, too_few, files, min_class_images) + _left_out(rejected))
    return counts


def _too_few(source: str, too_few: Mapping[str, int], files: Mapping[str, int], min_class_images: int) -> str:
    found = "; ".join(f"{label!r}: {count} of {files[label]}" for label, count in too_few.items())
    return (
        f"--source {source}: expected at least {min_class_images} usable images of every class, found {found}. Add "
        "images, merge the class into another with --class-map, or leave it away with --ignored-folders."
    )


def _left_out(rejected: Sequence[Rejected]) -> str:
    lines = [f"\n  {visible(file.source_uri)}: {visible(file.reason)}" for file in rejected[:5]]
    return f" {len(rejected)} files were rejected" + ":" * bool(lines) + "".join(lines)
