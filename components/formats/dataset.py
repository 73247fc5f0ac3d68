"""`dataset.json`: what a dataset folder holds, so that no reader has to guess.

A dataset folder is a list of shards (Parquet rows of images, or TFRecord files of `tf.train.Example`)
and this manifest. The manifest is written last; a folder without one is not a dataset.
"""

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from components._errors import InputError

MANIFEST = "dataset.json"
FORMAT_VERSION: Final = 1

# The features of a tf.train.Example, under the names that TensorFlow's own image readers use.
ENCODED = "image/encoded"
LABEL = "image/class/label"
TEXT = "image/class/text"
ID = "image/id"


class Shard(BaseModel):
    """One file of a dataset.

    Attributes:
        name: File name inside the dataset folder.
        rows: Number of images in it.
        sha256: Hex digest of the file's bytes.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: str = Field(pattern=r"^[\w.-]+$")
    rows: int = Field(ge=0)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class Dataset(BaseModel):
    """The manifest of a dataset folder.

    Attributes:
        format_version: Version of this format; a reader refuses any but its own.
        kind: `images` (Parquet rows) or `examples` (TFRecord).
        class_names: In label order: the label of an image is an index into it.
        counts: Images per class; every class name is a key.
        shorter_side_px: What the shorter side of larger images was scaled down to.
        near_duplicate_distance: Of images: in how many bits the perceptual hashes of near-duplicates may differ.
        shards: In reading order.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    format_version: Literal[1] = FORMAT_VERSION
    kind: Literal["images", "examples"]
    class_names: tuple[str, ...] = Field(min_length=2)
    counts: dict[str, int]
    shorter_side_px: int = Field(ge=32)
    near_duplicate_distance: int | None = Field(None, ge=0, le=63)
    shards: tuple[Shard, ...]

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> "Dataset":
        if len(set(self.class_names)) != len(self.class_names):
            raise ValueError(f"class names repeat: {self.class_names}")
        if list(self.counts) != list(self.class_names):
            raise ValueError(f"counts are for {list(self.counts)}, class names are {list(self.class_names)}")
        if (in_shards := sum(shard.rows for shard in self.shards)) != self.rows:
            raise ValueError(f"the shards hold {in_shards} rows, the counts add up to {self.rows}")
        return self

    @property
    def rows(self) -> int:
        """Number of images."""
        return sum(self.counts.values())

    @property
    def digest(self) -> str:
        """Sha256 over class names, shard checksums and what near-duplicates are: equal for equal content."""
        of_images = [] if self.near_duplicate_distance is None else [str(self.near_duplicate_distance)]
        parts = [*self.class_names, *(shard.sha256 for shard in self.shards), *of_images]
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def write_dataset(
    folder: Path,
    kind: Literal["images", "examples"],
    counts: Mapping[str, int],
    rows_of_shard: Mapping[str, int],
    shorter_side_px: int,
    near_duplicate_distance: int | None = None,
) -> Dataset:
    """Checksums the shards in `folder` and writes its manifest.

    Args:
        folder: Holds the shards; write it inside `whole_folder`.
        kind: `images` or `examples`.
        counts: Images per class, in label order.
        rows_of_shard: Rows per shard file name, in reading order.
        shorter_side_px: What the shorter side of larger images was scaled down to.
        near_duplicate_distance: Of images: in how many bits the perceptual hashes of near-duplicates may differ.

    Returns:
        The manifest as written.
    """
    digests = _sha256_of_each([folder / name for name in rows_of_shard])
    shards = tuple(
        Shard(name=name, rows=rows, sha256=sha256)
        for (name, rows), sha256 in zip(rows_of_shard.items(), digests, strict=True)
    )
    dataset = Dataset(
        kind=kind,
        class_names=tuple(counts),
        counts=dict(counts),
        shorter_side_px=shorter_side_px,
        near_duplicate_distance=near_duplicate_distance,
        shards=shards,
    )
    (folder / MANIFEST).write_text(dataset.model_dump_json(indent=2, exclude_none=True) + "\n")
    return dataset


def read_dataset(
    folder: Path, kind: Literal["images", "examples"], class_names: Sequence[str] | None = None
) -> Dataset:
    """Reads a dataset's manifest and checks every shard against it.

    Args:
        folder: The dataset folder.
        kind: What the reader understands.
        class_names: The label order the reader relies on, if it has one already.

    Returns:
        The manifest.

    Raises:
        InputError: If the folder is no such dataset, a shard is missing or altered, or the label order
            differs.
    """
    dataset = _parse(folder / MANIFEST)
    if dataset.kind != kind:
        raise InputError(f"{folder}: expected a dataset of {kind}, received one of {dataset.kind}.")
    if class_names is not None and tuple(class_names) != dataset.class_names:
        raise InputError(
            f"{folder}: expected the class names {list(class_names)} in this order, received "
            f"{list(dataset.class_names)}. The two artifacts come from different runs of split: use one run's."
        )
    files = [folder / shard.name for shard in dataset.shards]
    for file, shard, found in zip(files, dataset.shards, _sha256_of_each(files), strict=True):
        _check_shard(file, shard, found)
    return dataset


def _parse(manifest: Path) -> Dataset:
    try:
        return Dataset.model_validate_json(manifest.read_bytes())
    except FileNotFoundError as error:
        raise InputError(
            f"{manifest.parent}: expected a dataset folder with a {MANIFEST}, found none. The step that writes "
            "it did not finish, or this is another folder."
        ) from error
    except ValidationError as error:
        raise InputError(
            f"{manifest}: expected a manifest of format version {FORMAT_VERSION}. Received: {error}. "
            "Run the step that wrote it again with this version of Scenery."
        ) from error


def _check_shard(file: Path, shard: Shard, found: str) -> None:
    if found != shard.sha256:
        raise InputError(
            f"{file}: expected a shard with sha256 {shard.sha256}, found {found}. The artifact was altered or "
            "copied in part: copy it again, or run the step that wrote it."
        )


def _sha256_of_each(files: Iterable[Path]) -> Iterator[str]:
    """Digests files in parallel, which hashlib does outside Python's lock; says so of a missing one."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        yield from pool.map(lambda file: file_sha256(file) if file.is_file() else "no file", files)


def file_sha256(file: Path) -> str:
    """Returns the hex sha256 of a file's bytes."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
