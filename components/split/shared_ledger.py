"""A ledger that several runs share: read, decide, replace, and once more where another run was first."""

import random
import time
from collections.abc import Callable

from components._errors import InputError
from components._objects import ABSENT, LostRaceError, read_generation, replace_object
from components._progress import say
from components.split.decision import Decision
from components.split.ledger import Ledger, ledger_bytes, parse_ledger

_ATTEMPTS = 20  # each lost race is another run's success
_PAUSE_S = 0.5


def decide_and_replace(uri: str, decide: Callable[[Ledger | None], Decision]) -> tuple[Decision, bytes]:
    """Decides on what the ledger holds, and puts the next ledger in its place unless another run was first.

    Whatever is derived from the decision can be done again by repeating the run: it finds its own ledger.

    Args:
        uri: A local path or gs://bucket/name; made when missing. "" for a run of its own.
        decide: From the previous ledger; called again after a lost race.

    Returns:
        The decision, and the bytes of the ledger it stands in.

    Raises:
        InputError: If there is no ledger but something else at `uri`, if access is refused, or if other runs
            were first time and again.
    """
    if not uri:
        decision = decide(None)
        return decision, ledger_bytes(decision.ledger)
    for attempt in range(_ATTEMPTS):
        data, generation = read_generation(uri) or (b"", ABSENT)
        if generation == ABSENT:
            say("split", f"found no ledger at {uri}: a new one begins there; if there was one before, check this path")
        previous = None if generation == ABSENT else parse_ledger(data, uri)
        decision = decide(previous)
        if decision.ledger is previous:
            return decision, data
        data = ledger_bytes(decision.ledger)
        try:
            replace_object(uri, data, generation)
        except LostRaceError:
            say("split", f"another run has replaced the ledger {uri}: reading it again")
            time.sleep(random.uniform(0, _PAUSE_S * min(attempt + 1, 10)))  # noqa: S311 - apart from each other is all
            continue
        return decision, data
    raise InputError(
        f"--ledger-uri {uri}: expected to write the ledger, but other runs have replaced it {_ATTEMPTS} times in a row "
        "while this one read it. Run split again when fewer runs share it."
    )
