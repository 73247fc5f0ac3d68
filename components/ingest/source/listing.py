"""The images of a source, in a fixed order: which files count, and which class each belongs to."""

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from operator import attrgetter
from pathlib import Path, PurePosixPath

from components._errors import InputError
from components.ingest.parameters import IngestParameters
from components.ingest.rejected import Kind, Rejected
from components.ingest.source.class_map import ClassMap, map_classes
from components.ingest.source.files import Files, SourceFile
from components.ingest.source.names import nfc
from components.ingest.source.opening import file_at, kind_of, manifest_rows, open_files
from components.ingest.source.path_patterns import Reading, class_reading, group_reading

IMAGE_SUFFIXES = frozenset({".avif", ".bmp", ".gif", ".heic", ".heif", ".hif", ".jfif", ".jpe", ".jpeg", ".jpg",
                            ".mpo", ".png", ".tif", ".tiff", ".webp"})  # fmt: skip
HIDDEN_NAMES = frozenset({"__macosx", "thumbs.db", "desktop.ini", "@eadir"})

# Absolute, of a drive, or climbing: with the separators of either system, wherever an archive was packed.
_LEADS_OUT = re.compile(r"[/\\]|[A-Za-z]:|(.*[/\\])?\.\.([/\\]|$)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class SourceImage:
    """A file that should be an image.

    Attributes:
        source_uri: Its POSIX path inside the source, or its URI as a manifest gives it.
        label: Its class, in Unicode NFC: archives packed on macOS hold the same names in NFD.
        group_key: The user's own group; None without one.
        file: How to read it.
    """

    source_uri: str
    label: str
    group_key: str | None
    file: SourceFile


@dataclass(frozen=True)
class Listing:
    """What a source holds; both lists are sorted by path.

    Attributes:
        images: Files that should be images, under their classes.
        rejected: Files that cannot be, and why.
        classes: What became of the class folders; files in ignored ones are in neither list.
    """

    images: list[SourceImage]
    rejected: list[Rejected]
    classes: ClassMap


@contextmanager
def open_source(source: str, parameters: IngestParameters, scratch: Path) -> Iterator[Listing]:
    """Lists a source and keeps it open for reading.

    Args:
        source: A folder, a prefix at gs:// or s3://, or an archive or manifest, here or at gs://, s3:// or https://.
        parameters: Where in a path its class and group are, and what becomes of the classes. A manifest has columns
            for both; only without its group column `group_pattern` is searched for in URIs.
        scratch: An existing folder for what has to be fetched or decompressed while the source is open.

    Yields:
        The listing. Hidden files, and what macOS and Windows leave behind, don't count, unless a manifest names them.

    Raises:
        InputError: If there is no such source, or no file in it, or it is damaged; or a parameter doesn't fit.
    """
    class_of, group_of = class_reading(parameters.class_pattern), group_reading(parameters.group_pattern)
    if kind_of(source) == "manifest":
        yield _listing(source, _manifest_images(source, group_of), [], parameters)
        return
    with open_files(source, scratch) as files:
        images, rejected = _images_by_path(files, class_of, group_of, parameters.class_pattern)
        yield _listing(source, images, rejected, parameters)


def _manifest_images(manifest: str, group_of: Reading) -> list[SourceImage]:
    images = []
    for row in sorted(manifest_rows(manifest), key=attrgetter("uri", "label")):
        group = group_of(row.uri) if row.group is None else nfc(row.group)
        images.append(SourceImage(row.uri, nfc(row.label), group or None, file_at(row.location)))
    return images


def _images_by_path(
    files: Files, class_of: Reading, group_of: Reading, class_pattern: str
) -> tuple[list[SourceImage], list[Rejected]]:
    images, rejected = [], []
    path_of = {name: str(PurePosixPath(name)) for name in files if not _is_hidden(name)}
    taken = set[str]()
    # Buckets and archives may hold k//1.jpg beside k/1.jpg: whichever is its own path, the shortest, is first.
    for name in sorted(path_of, key=lambda name: (path_of[name], len(name), name)):
        path = path_of[name]
        uri = _printable(path)
        label = class_of(uri)
        if path in taken:
            reason = f"its path is that of another file, {uri}"
            rejected.append(Rejected(_printable(name), label or _folder(uri), "bad path", reason))
        elif problem := _problem_of_name(path, uri):
            rejected.append(Rejected(uri, label or _folder(uri), *problem))
        elif label is None:
            reason = f"its path is not of the --class-pattern {class_pattern!r}"
            rejected.append(Rejected(uri, _folder(uri), "bad path", reason))
        else:
            images.append(SourceImage(uri, label, group_of(uri), files[name]))
        taken.add(path)
    return images, rejected


def _is_hidden(path: str) -> bool:
    if _LEADS_OUT.match(path):  # to be told of, though it has dots
        return False
    return any((part.startswith(".") and part != ".") or part.lower() in HIDDEN_NAMES for part in path.split("/"))


def _problem_of_name(path: str, uri: str) -> tuple[Kind, str] | None:
    if uri != path:
        return "bad path", "its name is not UTF-8"
    if _LEADS_OUT.match(path):
        return "bad path", "its path leads out of the source"
    suffix = PurePosixPath(path).suffix
    if suffix.lower() not in IMAGE_SUFFIXES:
        return "not an image", f"its suffix {suffix!r} is not an image's"
    return None


def _folder(uri: str) -> str:
    return nfc(PurePosixPath(uri).parent.name)


def _printable(name: str) -> str:
    return name.encode("utf-8", "backslashreplace").decode()


def _listing(source: str, images: list[SourceImage], rejected: list[Rejected], parameters: IngestParameters) -> Listing:
    """Applies what the user says of classes.

    Raises:
        InputError: If there is no file at all, or it doesn't fit.
    """
    if not images and not rejected:
        raise InputError(f"--source {source}: expected one folder of images per class, found no file in it.")
    files = Counter(image.label for image in images)
    for file in rejected:
        files[file.label] += 0
    classes = map_classes({folder: files[folder] for folder in sorted(files) if folder}, parameters)
    if parameters.group_pattern and images and not any(image.group_key for image in images):
        line = f"--group-pattern: {parameters.group_pattern!r} meets nothing, {images[0].source_uri!r} for example."
        classes = replace(classes, unused=[*classes.unused, line])
    label_of = classes.label_of
    return Listing(
        images=[replace(image, label=label_of[image.label]) for image in images if image.label in label_of],
        rejected=[
            replace(file, label=label_of.get(file.label, file.label))
            for file in rejected
            if file.label not in classes.ignored
        ],
        classes=classes,
    )
