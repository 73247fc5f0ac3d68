"""Reusing finished steps, never when code, data or parameters have changed."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kfp.local import cache as kfp_cache

from components.ingest.files import open_folder
from pipelines.local.step import Progress

_ROOT = Path(__file__).parent.parent.parent


class StepCache(kfp_cache.LocalCache):
    """kfp.local's cache, with the step's code in its key.

    kfp.local keys a step by image name, command and arguments, which stay the same when the code changes.
    New data changes the arguments: `source_digest` is one of ingest's. Every run fills the cache; only one
    that is asked to takes from it.

    Args:
        folder: Where entries are kept.
        code_digest: From a component's name to a digest of the code that would run.
        progress: Told of each step that is reused.
        reuse: Whether to take outputs from earlier runs.
    """

    def __init__(self, folder: Path, code_digest: Callable[[str], str], progress: Progress, *, reuse: bool) -> None:
        super().__init__(str(folder))
        self._code_digest, self._progress, self._reuse = code_digest, progress, reuse
        self._step_of_key: dict[str, str] = {}
        self.hits: dict[str, dict[str, Any]] = {}

    def compute_key(self, component_name: str, *args: Any, **kwargs: Any) -> str:  # noqa: ANN401 - as in the base
        """Returns the key of a step with its present code."""
        step = component_name.removeprefix("comp-")
        key = f"{super().compute_key(component_name, *args, **kwargs)}-{self._code_digest(step)[:16]}"
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
    shared = [*_ROOT.glob("components/*.py"), *_ROOT.glob("components/formats/*.py"), _ROOT / "requirements.txt"]
    own = [path for path in _ROOT.glob(f"components/{component}/*") if path.is_file()]
    digest = hashlib.sha256()
    for file in sorted(shared + own):
        digest.update(f"{file.relative_to(_ROOT)}\0".encode() + file.read_bytes() + b"\0")
    return digest.hexdigest()


def listing_digest(source: Path) -> str:
    """Digests what ingest would find in a local source: names, sizes and times of change, not contents.

    Args:
        source: A folder or a file.

    Returns:
        Hex sha256; a changed, added, renamed or removed file changes it.
    """
    if source.is_file():
        names = ["."]
    else:
        with open_folder(source) as files:
            names = sorted(files)
    digest = hashlib.sha256()
    for name in names:
        digest.update(f"{name}\0{_state(source / name)}\0".encode(errors="surrogateescape"))
    return digest.hexdigest()


def _state(file: Path) -> str:
    if not file.exists():
        return "a link to nothing"
    stat = file.stat()
    return f"{stat.st_size} {stat.st_mtime_ns}"
