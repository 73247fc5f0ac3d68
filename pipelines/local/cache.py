"""Reusing finished steps, never when code, data or parameters have changed."""

import hashlib
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kfp.local import cache as kfp_cache

from components._errors import InputError
from components._objects import is_remote, read_generation
from components.ingest.source.opening import versions
from pipelines.local.step import Progress

_ROOT = Path(__file__).parent.parent.parent


class StepCache(kfp_cache.LocalCache):
    """kfp.local's cache, with the step's code in its key, and what else it reads.

    kfp.local keys a step by image name, command and arguments, which stay the same when the code changes.
    New data changes the arguments: `source_digest` is one of ingest's. Every run fills the cache; only one
    that is asked to takes from it.

    Args:
        folder: Where entries are kept.
        digest: From a component's name to one of the code that would run, and of what its arguments only name.
        progress: Told of each step that is reused.
        reuse: Whether to take outputs from earlier runs.
    """

    def __init__(self, folder: Path, digest: Callable[[str], str], progress: Progress, *, reuse: bool) -> None:
        super().__init__(str(folder))
        self._digest, self._progress, self._reuse = digest, progress, reuse
        self._step_of_key: dict[str, str] = {}
        self.hits: dict[str, dict[str, Any]] = {}

    def compute_key(self, component_name: str, *args: Any, **kwargs: Any) -> str:  # noqa: ANN401 - as in the base
        """Returns the key of a step with its present code and what it reads."""
        step = component_name.removeprefix("comp-")
        key = f"{super().compute_key(component_name, *args, **kwargs)}-{self._digest(step)[:16]}"
        self._step_of_key[key] = step
        return key

    def get(self, key: str) -> dict[str, Any] | None:
        """Returns a step's earlier outputs, if they are wanted and still there."""
        outputs = super().get(key) if self._reuse else None
        if outputs is not None:
            step = self._step_of_key[key]
            self.hits[step] = outputs
            self._progress.reused(step)
        return outputs


def code_on_this_machine(component: str) -> str:
    """Digests the code of a component, of what it shares with others, and the locked dependencies."""
    components = _ROOT / "components"
    folders = [components / name for name in ("_duplicates", "_objects", "formats", component)]
    trees = [path for folder in folders for path in folder.rglob("*")]
    files = [path for path in [*components.iterdir(), *trees] if path.is_file() and path.suffix != ".pyc"]
    digest = hashlib.sha256()
    for file in sorted([*files, _ROOT / "requirements.txt"]):
        digest.update(f"{file.relative_to(_ROOT)}\0".encode() + file.read_bytes() + b"\0")
    return digest.hexdigest()


def listing_digest(source: str) -> str:
    """Digests what ingest would find in a source: names and versions, not contents.

    Args:
        source: A path or URI.

    Returns:
        Hex sha256; a changed, added, renamed or removed file changes it, and so do a manifest's columns.

    Raises:
        InputError: If there is no such source, or it cannot be listed.
    """
    digest = hashlib.sha256()
    for path, version in sorted(versions(source)):
        digest.update(f"{path}\0{version}\0".encode(errors="surrogateescape"))
    return digest.hexdigest()


def ledger_digest(ledger: str) -> str:
    """Digests the ledger that runs share.

    Args:
        ledger: A path or URI; "" for none.

    Returns:
        Hex sha256 of its content; without a ledger, "". One that is still to be made gets a text like no other:
        a split taken from an earlier run would not make it.

    Raises:
        InputError: If it cannot be read.
    """
    if not ledger:
        return ""
    if not is_remote(ledger) and Path(ledger).is_dir():
        raise InputError(f"--ledger: expected a file, or none yet, found a folder at {ledger}.")
    current = read_generation(ledger)
    return hashlib.sha256(current[0]).hexdigest() if current else f"none yet, {uuid.uuid4().hex}"
