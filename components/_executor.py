"""KFP's executor contract, container side.

KFP hands a container its executor input as JSON: where each declared output goes, and where to write
what the container says about them. Each step passes that text through unread and answers here.
"""

import errno
import json
import re
import sys
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from components._errors import InputError
from components._storage import whole_file
from components._text import visible

_DISK_FULL = (errno.ENOSPC, errno.EDQUOT)


@dataclass(frozen=True)
class Artifact:
    """An output that a step has written.

    Attributes:
        path: Where it is. May carry a suffix that the declared path lacks (`report` -> `report.html`).
        metadata: JSON values for the KFP UI; `Metrics` are drawn from it.
    """

    path: Path
    metadata: Mapping[str, Any] = field(default_factory=dict)


def write_executor_output(
    executor_input: str, artifacts: Mapping[str, Artifact], parameters: Mapping[str, Any] | None = None
) -> None:
    """Tells KFP what the step has written; without an executor input (plain `docker run`) does nothing.

    Args:
        executor_input: The value of `--executor-input`: the ExecutorInput message as JSON, or "".
        artifacts: By declared name.
        parameters: Output parameters by declared name.

    Raises:
        InputError: If the executor input is not JSON or lacks a declared output.
    """
    if not executor_input:
        return
    try:
        declared = json.loads(executor_input)["outputs"]
        output_file = Path(declared["outputFile"])
        entries = {name: _entry(declared["artifacts"][name]["artifacts"][0], a) for name, a in artifacts.items()}
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise InputError(
            "--executor-input: expected KFP's ExecutorInput message as JSON, with an entry for each of "
            f"{sorted(artifacts)}. Received: {executor_input[:200]!r} ({error!r}). "
            "Leave the flag away when running the container by hand."
        ) from error
    with whole_file(output_file) as file:
        file.write_text(json.dumps({"artifacts": entries, "parameterValues": dict(parameters or {})}))


def _entry(declared: Mapping[str, Any], artifact: Artifact) -> dict[str, Any]:
    uri = declared["uri"] + "".join(artifact.path.suffixes)
    return {"artifacts": [{"name": declared["name"], "uri": uri, "metadata": dict(artifact.metadata)}]}


def step_parser(component: str, description: str, example: str) -> ArgumentParser:
    """Returns a parser whose `--help` shows an example, with the one flag that every step has."""
    parser = ArgumentParser(
        prog=f"python -m components.{component}",
        description=description,
        epilog=f"example:\n{example}",
        formatter_class=RawDescriptionHelpFormatter,
    )
    parser.add_argument("--executor-input", default="", help="set by KFP; leave away when running by hand")
    return parser


@contextmanager
def input_errors_as_exit_status() -> Iterator[None]:
    """Shows an InputError, or a full disk, as one message without a stack trace, and exits with status 2."""
    try:
        yield
    except InputError as error:
        _exit(str(error))
    except OSError as error:
        if error.errno not in _DISK_FULL:
            raise
        where = f" while writing {error.filename}" if error.filename else ""
        _exit(
            f"expected room for the step's outputs, found the disk full{where}: {error.strerror}. Nothing "
            "unfinished was kept. Free some space, or write to a larger disk."
        )


def _exit(message: str) -> NoReturn:
    # The lines of a list are meant; whatever else has no glyph came with a name or a value.
    message = re.sub(r"[^\n\t]+", lambda text: visible(text[0]), message)
    print(f"error: {message}", file=sys.stderr, flush=True)  # noqa: T201 - the step's voice
    sys.exit(2)
