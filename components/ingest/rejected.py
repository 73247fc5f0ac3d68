"""Files that do not become rows, and why."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from operator import attrgetter
from pathlib import Path
from typing import Literal

from components.ingest.spilled import sorted_on_disk

MANY_REJECTED = 0.05  # as a share of all files: more than single photographs gone wrong
REJECTED_FILE = "rejected.jsonl"  # beside the shards, a line each
FIRST_FILES = 5  # what people are told of at once

# The kinds of reasons, in the order in which reports list them.
Kind = Literal[
    "not an image", "damaged", "too large", "too slow", "unreadable", "bad path", "outside the classes",
    "exact duplicate", "label conflict", "poor quality",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Rejected:
    """A file that does not become a row, and why not.

    Attributes:
        source_uri: As in `SourceImage`.
        label: Its class, or its folder if it has none.
        kind: What sort of reason.
        reason: The reason itself, precise enough to act on.
    """

    source_uri: str
    label: str
    kind: Kind
    reason: str


@dataclass(frozen=True)
class RejectedFiles:
    """All files that do not become rows.

    Attributes:
        number: How many.
        first: The first few by path.
    """

    number: int
    first: list[Rejected]


def write_rejected(folder: Path, rejected: Iterable[Rejected]) -> RejectedFiles:
    """Writes `rejected.jsonl`, sorted by path; those of one path stay in the order they came."""
    number, first = 0, []
    with (folder / REJECTED_FILE).open("w", encoding="utf-8") as lines:
        for file in sorted_on_disk(rejected, attrgetter("source_uri"), folder):
            lines.write(json.dumps(asdict(file), ensure_ascii=False) + "\n")
            number += 1
            if number <= FIRST_FILES:
                first.append(file)
    return RejectedFiles(number, first)
