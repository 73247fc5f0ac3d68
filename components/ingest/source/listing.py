"""The images of a source, in a fixed order: which files count, and which class each belongs to."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import groupby
from operator import attrgetter, itemgetter
from pathlib import Path, PurePosixPath

from components._errors import InputError
from components.ingest.parameters import IngestParameters
from components.ingest.rejected import Kind, Rejected
from components.ingest.source.class_map import ClassMap, map_classes
from components.ingest.source.files import Files, SourceFile
from components.ingest.source.names import nfc
from components.ingest.source.opening import file_at, kind_of, manifest_rows, open_files
from components.ingest.source.path_patterns import Reading, class_reading, group_reading
from components.ingest.spilled import Spilled, sorted_on_disk

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
    """What a source holds, sorted by path.

    Attributes:
        found: All files, labelled with their folders.
        classes: What became of these.
        images_of: Number of files that should be images, by class.
    """

    found: Spilled[SourceImage | Rejected]
    classes: ClassMap
    images_of: Counter[str]

    def images(self) -> Iterator[SourceImage]:
        """Yields files that should be images, under their classes; without those in ignored folders."""
        label_of = self.classes.label_of
        for file in self.found:
            if isinstance(file, SourceImage) and (label := label_of.get(file.label)):
                yield file if label == file.label else replace(file, label=label)

    def rejected(self) -> Iterator[Rejected]:
        """Yields files that cannot be images, and why; without those in ignored folders."""
        for file in self.found:
            if isinstance(file, Rejected) and file.label not in self.classes.ignored:
                yield replace(file, label=self.classes.label_of.get(file.label, file.label))


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
        yield _listing(source, _manifest_images(source, group_of, scratch), parameters, scratch)
        return
    with open_files(source, scratch) as files:
        found = _files_by_path(files, class_of, group_of, parameters.class_pattern, scratch)
        yield _listing(source, found, parameters, scratch)


def _manifest_images(manifest: str, group_of: Reading, scratch: Path) -> Iterator[SourceImage]:
    for row in sorted_on_disk(manifest_rows(manifest), attrgetter("uri", "label"), scratch):
        group = group_of(row.uri) if row.group is None else nfc(row.group)
        yield SourceImage(row.uri, nfc(row.label), group or None, file_at(row.location))


def _files_by_path(
    files: Files, class_of: Reading, group_of: Reading, class_pattern: str, scratch: Path
) -> Iterator[SourceImage | Rejected]:
    with_path = ((str(PurePosixPath(name)), name, file) for name, file in files if not _is_hidden(name))
    # Buckets and archives may hold k//1.jpg beside k/1.jpg: whichever is its own path, the shortest, is first.
    by_path = sorted_on_disk(with_path, lambda found: (found[0], len(found[1]), found[1]), scratch)
    taken = None
    for name, same in groupby(by_path, itemgetter(1)):
        *_, (path, _, file) = same  # the last counts
        uri = _printable(path)
        label = class_of(uri)
        if path == taken:
            reason = f"its path is that of another file, {uri}"
            yield Rejected(_printable(name), label or _folder(uri), "bad path", reason)
        elif problem := _problem_of_name(path, uri):
            yield Rejected(uri, label or _folder(uri), *problem)
        elif label is None:
            reason = f"its path is not of the --class-pattern {class_pattern!r}"
            yield Rejected(uri, _folder(uri), "bad path", reason)
        else:
            yield SourceImage(uri, label, group_of(uri), file)
        taken = path


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


def _listing(
    source: str, files: Iterable[SourceImage | Rejected], parameters: IngestParameters, scratch: Path
) -> Listing:
    """Applies what the user says of classes.

    Raises:
        InputError: If there is no file at all, or it doesn't fit.
    """
    found = Spilled[SourceImage | Rejected](scratch)
    images_in = Counter[str]()
    for file in files:
        found.append(file)
        images_in[file.label] += isinstance(file, SourceImage)
    if not found:
        raise InputError(f"--source {source}: expected one folder of images per class, found no file in it.")
    classes = map_classes({folder: images_in[folder] for folder in sorted(images_in) if folder}, parameters)
    if parameters.group_pattern and (line := _without_groups(parameters.group_pattern, found)):
        classes = replace(classes, unused=[*classes.unused, line])
    images_of = Counter[str]()
    for folder, label in classes.label_of.items():
        images_of[label] += images_in[folder]
    return Listing(found, classes, +images_of)


def _without_groups(group_pattern: str, found: Spilled[SourceImage | Rejected]) -> str:
    """Says so if no image has a group."""
    if any(isinstance(file, SourceImage) and file.group_key for file in found):
        return ""
    first = next((file for file in found if isinstance(file, SourceImage)), None)
    return f"--group-pattern: {group_pattern!r} meets nothing, {first.source_uri!r} for example." if first else ""
