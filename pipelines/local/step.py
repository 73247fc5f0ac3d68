"""One step of a local run: its command, its folder, its log, and how it went."""

import json
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from pydantic import TypeAdapter, ValidationError

from components._errors import InputError
from components._storage import whole_file

LOG_FILE = "log.txt"
STEPS_FILE = "steps.json"
_FOLDERS = TypeAdapter(dict[str, str])
ERROR_TAIL_LINES = 40


class Progress(Protocol):
    """Whoever shows a run to a person."""

    def started(self, step: str) -> None:
        """A step's process begins."""

    def said(self, step: str, line: str) -> None:
        """A step printed a line of its own."""

    def finished(self, step: str, seconds: float) -> None:
        """A step succeeded."""

    def reused(self, step: str) -> None:
        """A step's outputs came from an earlier run."""

    def failed(self, step: str, seconds: float) -> None:
        """A step failed."""


class StepFailedError(RuntimeError):
    """A step that failed.

    Attributes:
        step: Its name.
        reason: What it said last, or the exception it died of.
        log: Its whole output.
    """

    def __init__(self, step: str, reason: str, log: Path) -> None:
        super().__init__(f"{step} failed: {reason}")
        self.step, self.reason, self.log = step, reason, log


@dataclass(frozen=True)
class Step:
    """A step as KFP wants it run.

    Attributes:
        name: `ingest`, say.
        command: The container's command and arguments, placeholders filled in.
        folder: Where its outputs go.
    """

    name: str
    command: tuple[str, ...]
    folder: Path

    @classmethod
    def of(cls, command: Sequence[str]) -> "Step":
        """Reads name and folder out of the executor input that the command carries."""
        executor_input = json.loads(command[command.index("--executor-input") + 1])
        folder = Path(executor_input["outputs"]["outputFile"]).parent
        return cls(folder.name, tuple(command), folder)

    @property
    def log(self) -> Path:
        """The file that holds all the step printed."""
        return self.folder / LOG_FILE

    @property
    def executor_output(self) -> Path:
        """The file in which the step tells KFP what it wrote."""
        return self.folder / "executor_output.json"

    def follow(self, lines: Iterable[str], progress: Progress) -> list[str]:
        """Logs each line as it comes and shows the step's own.

        Args:
            lines: What the process prints, with line ends.
            progress: Shows lines that begin with the step's name; others only go to the log.

        Returns:
            The last lines.
        """
        tail: list[str] = []
        with closing(self.log.open("w", encoding="utf-8")) as log:
            for line in lines:
                log.write(line)
                log.flush()
                tail = [*tail, line.rstrip()][-ERROR_TAIL_LINES:]
                if line.startswith(f"{self.name}: "):
                    progress.said(self.name, line.removeprefix(f"{self.name}: ").rstrip())
        return tail

    def conclude(self, exit_status: int, tail: Sequence[str], seconds: float, progress: Progress) -> None:
        """Says how the step ended.

        Args:
            exit_status: Of its process; negative for a signal.
            tail: Its last lines.
            seconds: How long it took.
            progress: Told of the end.

        Raises:
            StepFailedError: If the process failed, or left no executor output.
        """
        if exit_status != 0 or not self.executor_output.exists():
            progress.failed(self.name, seconds)
            raise StepFailedError(self.name, reason_for_failure(tail, exit_status), self.log)
        progress.finished(self.name, seconds)

    def outputs(self) -> dict[str, Any]:
        """Returns paths of artifacts and values of parameters, as the step wrote them."""
        written = json.loads(self.executor_output.read_text())
        artifacts = {name: Path(entry["artifacts"][0]["uri"]) for name, entry in written["artifacts"].items()}
        return artifacts | written["parameterValues"]


def write_step_folders(run: Path, folders: Mapping[str, Path]) -> None:
    """Notes where each step of a run lies: in an earlier run's folder, if it was reused.

    Args:
        run: The run's folder.
        folders: By step.
    """
    relative = {name: os.path.relpath(folder, run) for name, folder in folders.items()}
    with whole_file(run / STEPS_FILE) as file:
        file.write_text(json.dumps(relative, indent=2) + "\n", encoding="utf-8")


def read_step_folders(run: Path) -> dict[str, Path]:
    """Returns where each step of a finished run lies; nothing for any other folder.

    Raises:
        InputError: If the file that says so is damaged.
    """
    file = run / STEPS_FILE
    if not file.is_file():
        return {}
    try:
        return {name: run / folder for name, folder in _FOLDERS.validate_json(file.read_bytes()).items()}
    except ValidationError as error:
        raise InputError(f"{file}: expected the folders of a run's steps. Received: {error}. Run it again.") from error


class Stopwatch:
    """Seconds since it was made."""

    def __init__(self) -> None:
        self._began_s = time.monotonic()

    @property
    def seconds(self) -> float:
        """Seconds since it was made."""
        return time.monotonic() - self._began_s


def reason_for_failure(tail: Sequence[str], exit_status: int) -> str:
    """Returns the part of a step's last lines that says what went wrong.

    Args:
        tail: Its last lines.
        exit_status: Of its process; negative for a signal.

    Returns:
        What follows the last `error: `, or the last line (an exception's message), with the exit status.
    """
    for index in range(len(tail) - 1, -1, -1):
        if tail[index].startswith("error: "):
            return "\n".join([tail[index].removeprefix("error: "), *tail[index + 1 :]])
    if exit_status in (-9, 137):
        return "killed (exit status 137), usually for lack of memory. Set batch_size=auto, or lower image_size_px."
    last = next((line for line in reversed(tail) if line.strip()), "it printed nothing")
    return f"{last} (exit status {exit_status})"
