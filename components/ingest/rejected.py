"""Files that do not become rows, and why."""

from dataclasses import dataclass
from typing import Literal

MANY_REJECTED = 0.05  # as a share of all files: more than single photographs gone wrong
REJECTED_FILE = "rejected.jsonl"  # beside the shards, a line each

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
