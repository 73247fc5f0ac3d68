"""What a source is, and the files it consists of: here or remote, as a folder, an archive or a manifest."""

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from components._errors import InputError
from components._objects import UnreachableError, is_remote, stat_object, without_query
from components.ingest.source.archives import ARCHIVE_SUFFIXES, open_archive
from components.ingest.source.files import Files, SourceFile, folder_files, local_file
from components.ingest.source.manifest import MANIFEST_SUFFIXES, ManifestRow, read_manifest
from components.ingest.source.remote import fetch_archive, prefix_files, remote_file

SourceKind = Literal["folder", "prefix", "archive", "manifest"]

_REQUESTS_AT_ONCE = 32


def kind_of(source: str) -> SourceKind:
    """Tells what a source is: a local one by what is there, a remote one by its name.

    Raises:
        InputError: If it is none, or nothing is there.
    """
    remote = is_remote(source)
    if not remote and Path(source).is_dir():
        return "folder"
    if remote or Path(source).is_file():
        if _name(source).endswith(ARCHIVE_SUFFIXES):
            return "archive"
        if _name(source).endswith(MANIFEST_SUFFIXES):
            return "manifest"
        if source.startswith(("gs://", "s3://")):
            return "prefix"
    found = "something else" if remote or Path(source).exists() else "nothing"
    raise InputError(
        f"--source {source}: expected a folder, .zip, .tar (also .gz, .bz2, .xz) or gs:// or s3:// prefix of class "
        f"folders, or a manifest (.csv, .jsonl), found {found}. Check the path, and that it is mounted where the "
        "step runs; at https:// there can be archives and manifests only."
    )


@contextmanager
def open_files(source: str, scratch: Path) -> Iterator[Files]:
    """Lists a source other than a manifest and keeps it open for reading.

    Args:
        source: A path or URI.
        scratch: An existing folder for what has to be fetched or decompressed while the source is open.

    Yields:
        Its files, which are found as they are asked for: raises InputError then too.

    Raises:
        InputError: If it cannot be listed.
    """
    match kind_of(source):
        case "folder":
            yield folder_files(Path(source))
        case "prefix":
            yield prefix_files(source)
        case _:
            with _local_copy(source, scratch) as archive, open_archive(archive, scratch) as files:
                yield files


def manifest_rows(manifest: str) -> Iterator[ManifestRow]:
    """Reads a manifest, wherever it is, row by row.

    Raises:
        InputError: If it cannot be read or understood.
    """
    return _rows(file_at(manifest).read(), manifest)


def file_at(location: str) -> SourceFile:
    """Describes the file at a path or URI; one that isn't there fails when it is read."""
    return remote_file(location) if is_remote(location) else local_file(Path(location))


def versions(source: str) -> Iterator[tuple[str, str]]:
    """Lists what a source consists of, without opening archives.

    Yields:
        The path and version of each file, in no order; if anything changes, one of them does.

    Raises:
        InputError: If it cannot be listed.
    """
    match kind_of(source):
        case "archive":
            yield "", _version_at(source)
        case "manifest":
            data = file_at(source).read()
            yield "", hashlib.sha256(data).hexdigest()
            location_of = {row.uri: row.location for row in _rows(data, source)}
            yield from zip(location_of, _versions_at(list(location_of.values())), strict=True)
        case _:
            with open_files(source, Path()) as files:
                yield from ((path, file.version) for path, file in files)


def _rows(data: bytes, manifest: str) -> Iterator[ManifestRow]:
    return read_manifest(data, manifest, as_json=_name(manifest).endswith(".jsonl"))


def _versions_at(locations: list[str]) -> list[str]:
    remote = [location for location in locations if is_remote(location)]
    with ThreadPoolExecutor(_REQUESTS_AT_ONCE) as pool:
        found = dict(zip(remote, pool.map(_version_if_there, remote), strict=True))
    return [found.get(location) or _version_at(location) for location in locations]


def _version_if_there(uri: str) -> str:
    try:
        return _version_at(uri)
    except UnreachableError:
        raise
    except InputError:  # ingest will say so, and go on with the others
        return "not there"


def _version_at(location: str) -> str:
    if not is_remote(location):
        return local_file(Path(location)).version
    stored = stat_object(location)
    return f"{stored.size_bytes} {stored.version}"


def _name(location: str) -> str:
    """Returns a path or URI in lower case up to where its suffix ends."""
    return without_query(location).lower()


@contextmanager
def _local_copy(archive: str, scratch: Path) -> Iterator[Path]:
    if not is_remote(archive):
        yield Path(archive)
        return
    fetched = fetch_archive(archive, scratch)
    try:
        yield fetched
    finally:
        fetched.unlink(missing_ok=True)
