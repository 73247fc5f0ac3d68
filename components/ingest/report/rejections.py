"""What `rejected.jsonl` says, summed up by kind of reason."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from pydantic import TypeAdapter, ValidationError

from components._errors import InputError
from components.ingest.rejected import REJECTED_FILE, Kind, Rejected

_REJECTED = TypeAdapter(Rejected)


@dataclass(frozen=True)
class RejectedKind:
    """Files rejected for one kind of reason.

    Attributes:
        kind: Of the reason.
        files: How many.
        examples: The first few by path.
    """

    kind: Kind
    files: int
    examples: tuple[Rejected, ...]


@dataclass(frozen=True)
class LabelConflict:
    """One image that came under several labels.

    Attributes:
        reason: What ingest says of it.
        files: Its files that were rejected.
    """

    reason: str
    files: tuple[Rejected, ...]


@dataclass(frozen=True)
class Rejections:
    """All rejected files.

    Attributes:
        kinds: Those that occur, in the order of `Kind`.
        per_label: Files per class or folder.
        conflict_count: Number of images that came under several labels.
        conflicts: The first few of these.
    """

    kinds: tuple[RejectedKind, ...]
    per_label: Counter[str]
    conflict_count: int
    conflicts: tuple[LabelConflict, ...]

    @property
    def files(self) -> int:
        """Number of rejected files."""
        return self.per_label.total()


def read_rejections(images: Path, examples: int, conflicts: int) -> Rejections:
    """Reads what ingest left out of a dataset.

    Args:
        images: The dataset's folder.
        examples: How many files of each kind to keep.
        conflicts: How many images under several labels to keep.

    Returns:
        Everything counted, the first few kept.

    Raises:
        InputError: If `rejected.jsonl` is missing, or a line of it says something else.
    """
    per_kind: Counter[Kind] = Counter()
    per_label: Counter[str] = Counter()
    first_of_kind: dict[Kind, list[Rejected]] = {kind: [] for kind in get_args(Kind)}
    alike: dict[str, list[Rejected]] = {}
    for rejected in _lines(images / REJECTED_FILE):
        per_kind[rejected.kind] += 1
        per_label[rejected.label] += 1
        if len(first_of_kind[rejected.kind]) < examples:
            first_of_kind[rejected.kind].append(rejected)
        if rejected.kind == "label conflict":
            files = alike.setdefault(rejected.reason, [])
            if files or len(alike) <= conflicts:  # the others are only counted
                files.append(rejected)
    return Rejections(
        kinds=tuple(RejectedKind(k, per_kind[k], tuple(first)) for k, first in first_of_kind.items() if first),
        per_label=per_label,
        conflict_count=len(alike),
        conflicts=tuple(LabelConflict(reason, tuple(files)) for reason, files in list(alike.items())[:conflicts]),
    )


def _lines(file: Path) -> Iterator[Rejected]:
    if not file.is_file():
        raise InputError(
            f"{file}: expected the list of rejected files that ingest writes beside the shards, found none. "
            "Copy the whole folder, or run ingest again."
        )
    with file.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                yield _REJECTED.validate_json(line)
            except ValidationError as error:
                raise InputError(
                    f"{file}, line {number}: expected a rejected file. Received: {error}. "
                    "Run ingest again with this version of Scenery."
                ) from error
