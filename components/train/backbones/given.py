"""What a backbone is made from beside its name: a file of weights, a folder of KerasHub's; and in which version."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

from components._errors import InputError
from components._objects import stat_object
from components._storage import local_path
from components.formats.dataset import file_sha256
from components.train.backbones.table import AUTO, IMAGENET, KERAS_HUB, NONE


def given_files(backbone: str, weights: str) -> dict[str, str]:
    """Returns the paths and URIs that a backbone is made from; none if packages and their makers' servers do.

    Args:
        backbone: As `build_backbone` takes it; a folder without a preset's configuration is none of KerasHub's.
        weights: Likewise, or "auto".

    Returns:
        By parameter, `backbone` or `weights`.
    """
    files = {} if weights in (AUTO, IMAGENET, NONE) else {"weights": weights}
    preset = backbone.removeprefix(KERAS_HUB)
    is_folder = preset != backbone and Path(preset, "config.json").is_file()
    return files | {"backbone": preset} if is_folder else files


def version_of(files: Mapping[str, str]) -> str:
    """Digests what lies at paths and URIs: contents of what is here, what their server tells of those elsewhere.

    Args:
        files: As `given_files` returns them.

    Returns:
        Hex sha256; "" of nothing. Where it lies on this machine makes no difference.

    Raises:
        InputError: If there is nothing at one, or it can't be read.
    """
    digest = hashlib.sha256()
    for parameter, file in files.items():
        path = local_path(file)
        digest.update(_version_here(path, parameter) if path else _version_elsewhere(file))
    return digest.hexdigest() if files else ""


def _version_elsewhere(uri: str) -> bytes:
    """Some web servers tell no more of a file than how long it is."""
    stored = stat_object(uri)
    return f"{uri}\0{stored.size_bytes}\0{stored.checksum or stored.version}\0".encode()


def _version_here(path: Path, parameter: str) -> bytes:
    within = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
    digest = hashlib.sha256()
    for file in within:
        try:
            content = file_sha256(file)
        except OSError as error:
            raise InputError(f"{parameter}: expected a file that can be read. {error}.") from error
        digest.update(f"{file.relative_to(path)}\0{content}".encode(errors="surrogateescape"))
    return digest.digest()
