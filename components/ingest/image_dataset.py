"""A source of labelled images as one `images` dataset."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import BinaryIO

import numpy as np

from components._errors import InputError
from components._progress import with_progress
from components._storage import whole_folder
from components._text import visible
from components.formats.dataset import MANIFEST, Dataset, write_dataset
from components.ingest.decode.images import decode_images
from components.ingest.decoded_columns import DecodedColumns, group_keys
from components.ingest.exact_duplicates import ExactDuplicates, exact_duplicates, rejected_duplicates
from components.ingest.image_rows import image_rows
from components.ingest.near_duplicates import near_duplicate_groups
from components.ingest.parameters import IngestParameters
from components.ingest.rejected import FIRST_FILES, Rejected, RejectedFiles, write_rejected
from components.ingest.shards import write_shards
from components.ingest.source.class_map import ClassMap, write_class_map
from components.ingest.source.listing import Listing, open_source
from components.ingest.spilled import Spilled

MIN_CLASSES = 2


@dataclass(frozen=True)
class Ingested:
    """What came of a source.

    Attributes:
        dataset: The manifest of the images.
        rejected: Files without a row; all of them are in `rejected.jsonl` beside the shards.
        groups: Number of groups; an image like no other, and without a key of the user's, is a group of its own.
        flagged: Number of images with a quality flag.
        classes: What became of the class folders; also in `class_map.json` beside the shards.
    """

    dataset: Dataset
    rejected: RejectedFiles
    groups: int
    flagged: int
    classes: ClassMap


def write_image_dataset(source: str, images: Path, parameters: IngestParameters) -> Ingested:
    """Reads a source of labelled images and writes them as a dataset.

    Groups are known only when every image has been hashed, so the scaled images and their rows wait in files on disk,
    copies too, and memory holds 45 bytes an image. While groups are found it is up to 200, and no decoder is running.

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
        with spool.open("w+b") as jpegs:
            with open_source(source, parameters, folder) as listing:
                _check_classes(source, listing, parameters.min_class_images)
                decoded, undecoded = _decode_into(jpegs, folder, listing, parameters)
            duplicates = exact_duplicates(decoded, parameters.label_conflicts)
            rejected = write_rejected(folder, chain(undecoded, rejected_duplicates(decoded, duplicates)))
            usable = _usable(decoded, duplicates)
            counts = _checked_counts(source, listing, usable, rejected, parameters.min_class_images)
            keys = group_keys(decoded.images)
            naming = near_duplicate_groups(decoded.ids, decoded.hashes, parameters.near_duplicate_distance, keys.rank)
            shards = write_shards(folder, image_rows(decoded, duplicates, naming, keys, jpegs))
        spool.unlink()
        write_class_map(folder, listing.classes)
        dataset = write_dataset(
            folder, "images", counts, shards, parameters.shorter_side_px, parameters.near_duplicate_distance
        )
    groups, flagged = len(np.unique(naming[duplicates.kept])), int(decoded.flagged[duplicates.kept].sum())
    return Ingested(dataset, rejected, groups, flagged, listing.classes)


def _decode_into(
    jpegs: BinaryIO, folder: Path, listing: Listing, parameters: IngestParameters
) -> tuple[DecodedColumns, Spilled[Rejected]]:
    """Decodes images and appends their JPEGs to a file.

    Returns:
        The images in source order, and all files rejected so far.
    """
    decoded, rejected = DecodedColumns(folder), Spilled(folder, listing.rejected())
    results = decode_images(listing.images(), parameters, scratch=folder)
    for result in with_progress("ingest", results, listing.images_of.total()):
        if isinstance(result, Rejected):
            rejected.append(result)
        else:
            image, jpeg = result
            decoded.append(image)
            jpegs.write(jpeg)
    return decoded, rejected


def _usable(decoded: DecodedColumns, duplicates: ExactDuplicates) -> dict[str, int]:
    """Counts the images that are kept, by class."""
    names = decoded.class_names
    return dict(zip(names, np.bincount(decoded.labels[duplicates.kept], minlength=len(names)).tolist(), strict=True))


def _check_classes(source: str, listing: Listing, min_class_images: int) -> None:
    """Refuses, before anything is decoded, what can't become a dataset.

    Raises:
        InputError: If there are too few classes, or one has too few files.
    """
    files = listing.images_of
    if len(files) < MIN_CLASSES:
        found = ", ".join(map(repr, sorted(files))) or "none"
        rejected = RejectedFiles(sum(1 for _ in listing.rejected()), list(islice(listing.rejected(), FIRST_FILES)))
        raise InputError(
            f"--source {source}: expected files of at least {MIN_CLASSES} classes, found {found}. Check the place, "
            f"--class-pattern and --ignored-folders.{_left_out(rejected) if rejected.number else ''}"
        )
    if too_few := {label: count for label, count in sorted(files.items()) if count < min_class_images}:
        raise InputError(_too_few(source, too_few, files, min_class_images))


def _checked_counts(
    source: str, listing: Listing, usable: Mapping[str, int], rejected: RejectedFiles, min_class_images: int
) -> dict[str, int]:
    """Counts usable images per class, classes in label order: sorted by name.

    Raises:
        InputError: If a class has too few usable images.
    """
    files = listing.images_of
    counts = {label: usable.get(label, 0) for label in sorted(files)}
    if too_few := {label: count for label, count in counts.items() if count < min_class_images}:
        raise InputError(_too_few(source, too_few, files, min_class_images) + _left_out(rejected))
    return counts


def _too_few(source: str, too_few: Mapping[str, int], files: Mapping[str, int], min_class_images: int) -> str:
    found = "; ".join(f"{label!r}: {count} of {files[label]}" for label, count in too_few.items())
    return (
        f"--source {source}: expected at least {min_class_images} usable images of every class, found {found}. Add "
        "images, merge the class into another with --class-map, or leave it away with --ignored-folders."
    )


def _left_out(rejected: RejectedFiles) -> str:
    lines = [f"\n  {visible(file.source_uri)}: {visible(file.reason)}" for file in rejected.first]
    return f" {rejected.number} files were rejected" + ":" * bool(lines) + "".join(lines)
