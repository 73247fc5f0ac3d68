"""The images of a source, in a fixed order: which files count, and which class each belongs to."""

import unicodedata
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from components._errors import InputError
from components.ingest.files import Readers, open_folder, open_tar, open_zip

# HEIC has no decoder here: listed, so that a class of nothing else is reported and not overlooked.
IMAGE_SUFFIXES = frozenset({".avif", ".bmp", ".gif", ".heic", ".heif", ".jfif", ".jpe", ".jpeg", ".jpg", ".mpo",
                            ".png", ".tif", ".tiff", ".webp"})  # fmt: skip
HIDDEN_NAMES = frozenset({"__macosx", "thumbs.db", "desktop.ini", "@eadir"})


@dataclass(frozen=True, slots=True)
class SourceImage:
    """A file that should be an image.

    Attributes:
        source_uri: Its POSIX path inside the source.
        label: The name of its folder, in Unicode NFC: archives packed on macOS hold the same names in NFD.
        read: Returns its bytes, or raises.
    """

    source_uri: str
    label: str
    read: Callable[[], bytes]


@dataclass(frozen=True, slots=True)
class Rejected:
    """A file that does not become a row, and why not."""

    source_uri: str
    label: str
    reason: str


@dataclass(frozen=True)
class Listing:
    """What a source holds, both sorted by path."""

    images: list[SourceImage]
    rejected: list[Rejected]


@contextmanager
def open_source(source: Path, scratch: Path) -> Iterator[Listing]:
    """Lists a source and keeps it open for reading.

    Args:
        source: A folder, .zip, .tar, .tar.gz or .tgz of class folders, at any depth.
        scratch: An existing folder for what a compressed .tar unpacks to while it is open.

    Yields:
        The listing. Hidden files, and what macOS and Windows leave behind, are in neither list.

    Raises:
        InputError: If there is nothing at `source`, or no file in it, or it is damaged.
    """
    with _open(source, scratch) as readers:
        listing = _listing(readers)
        if not listing.images and not listing.rejected:
            raise InputError(f"--source {source}: expected one folder of images per class, found no file in it.")
        yield listing


def _open(source: Path, scratch: Path) -> AbstractContextManager[Readers]:
    if source.is_dir():
        return open_folder(source)
    name = source.name.lower()
    if source.is_file() and name.endswith(".zip"):
        return open_zip(source)
    if source.is_file() and name.endswith((".tar", ".tar.gz", ".tgz")):
        return open_tar(source, scratch)
    found = "a file of another kind" if source.exists() else "nothing"
    raise InputError(
        f"--source {source}: expected a folder, .zip, .tar, .tar.gz or .tgz with one folder of images per class, "
        f"found {found}. Check the path, and that it is mounted where the step runs."
    )


def _listing(readers: Readers) -> Listing:
    listing = Listing([], [])
    for name in sorted(readers):
        path = PurePosixPath(name)
        if any(_is_hidden(part) for part in path.parts):
            continue
        uri, label = _text(str(path)), unicodedata.normalize("NFC", _text(path.parent.name))
        if reason := _why_not(path, uri):
            listing.rejected.append(Rejected(uri, label, reason))
        else:
            listing.images.append(SourceImage(uri, label, readers[name]))
    return listing


def _is_hidden(part: str) -> bool:
    return (part.startswith(".") and part != "..") or part.lower() in HIDDEN_NAMES


def _why_not(path: PurePosixPath, uri: str) -> str | None:
    if uri != str(path):
        return "its name is not UTF-8"
    if path.is_absolute() or ".." in path.parts:
        return "its path leads out of the archive"
    if path.suffix.lower() not in IMAGE_SUFFIXES:
        return f"its suffix {path.suffix!r} is not an image's"
    return None if path.parent.name else "it is in no class folder"


def _text(name: str) -> str:
    """Makes a file name fit for UTF-8: bytes that are not become backslash escapes."""
    return name.encode("utf-8", "backslashreplace").decode()
