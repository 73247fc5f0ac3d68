"""The data of a local run: where it is, and what of this machine containers have to see of it."""

import os
from collections.abc import Iterable
from pathlib import Path

from components._errors import InputError
from components._objects import check_replaceable, is_remote
from components.ingest.source.opening import kind_of, manifest_rows
from pipelines.local.cache import ledger_digest, listing_digest

MAX_MOUNTS = 32


def data_arguments(data: str, ledger: str) -> dict[str, str]:
    """Makes the pipeline's arguments that say where data is, and which.

    Args:
        data: Path or URI of a source.
        ledger: Path or URI of the ledger that runs share; "" for none.

    Returns:
        By name; paths are absolute.

    Raises:
        InputError: If there is no such source, something cannot be read, or the ledger could not be written back.
    """
    if not data or (not is_remote(data) and not Path(data).exists()):
        raise InputError(
            "--data: expected class folders or a manifest, here or at gs://, s3:// or https://, "
            f"found nothing at {data}."
        )
    check_replaceable(ledger)
    source, ledger_uri = _absolute(data), _absolute(ledger) if ledger else ""
    return {
        "source": source,
        "source_digest": listing_digest(source),
        "ledger_uri": ledger_uri,
        "ledger_digest": ledger_digest(ledger_uri),
    }


def source_mounts(source: Path) -> list[Path]:
    """Finds the paths that a source on this machine is read from.

    Args:
        source: A folder, archive or manifest.

    Returns:
        The source, and for a manifest the folders of the files that it names; instead of more than `MAX_MOUNTS`,
        folders further up that hold several of them.

    Raises:
        InputError: If a manifest cannot be read.
    """
    if kind_of(str(source)) != "manifest":
        return [source]
    locations = (row.location for row in manifest_rows(str(source)) if not is_remote(row.location))
    # By name and not resolved: a container looks for a file under the name that the manifest gives.
    folders = _outermost(Path(os.path.normpath(location)).parent for location in locations)
    while len(folders) > MAX_MOUNTS:
        deepest = max(len(folder.parts) for folder in folders)
        folders = _outermost(folder.parent if len(folder.parts) == deepest else folder for folder in folders)
    return _outermost([source, *folders])


def _absolute(location: str) -> str:
    return location if is_remote(location) else str(Path(location).resolve())


def _outermost(paths: Iterable[Path]) -> list[Path]:
    outermost: list[Path] = []
    for path in sorted(set(paths)):  # what holds others comes before them
        if not outermost or not path.is_relative_to(outermost[-1]):
            outermost.append(path)
    return outermost
