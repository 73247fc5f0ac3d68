"""Writing whole or not at all: files and folders that appear under their name only when complete."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """Yields an empty folder beside `folder` that becomes `folder` when the block succeeds.

    A block that raises leaves `folder` as it was. A process that is killed leaves a hidden folder
    beside it, which the next call for the same `folder` removes.

    Args:
        folder: The final name. Anything already there is replaced.

    Yields:
        The folder to write into, on the same file system.
    """
    partial = _fresh_partial(folder)
    try:
        partial.mkdir()
        yield partial
        _sync_tree(partial)
        _replace(partial, folder)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


@contextmanager
def whole_file(file: Path) -> Iterator[Path]:
    """Yields a path beside `file` that becomes `file` when the block succeeds.

    Args:
        file: The final name. A file already there is replaced.

    Yields:
        The path to write to, on the same file system.
    """
    partial = _fresh_partial(file)
    try:
        yield partial
        _sync(partial)
        partial.replace(file)
        _sync(file.parent)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def _fresh_partial(target: Path) -> Path:
    """Names a hidden sibling that nothing occupies; removes what a killed process left there."""
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.parent / f".{target.name}.partial"
    _remove(partial)
    return partial


def _replace(partial: Path, folder: Path) -> None:
    """Renames `partial` to `folder`; a folder cannot be renamed over one that holds files."""
    outdated = folder.parent / f".{folder.name}.outdated"
    _remove(outdated)
    if folder.exists():
        folder.replace(outdated)
    partial.replace(folder)
    _sync(folder.parent)
    _remove(outdated)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _sync_tree(folder: Path) -> None:
    for parent, _, files in os.walk(folder):
        for name in files:
            _sync(Path(parent, name))
        _sync(Path(parent))


def _sync(path: Path) -> None:
    """Flushes a file's or folder's bytes to disk, so that a rename never outlives its content."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
