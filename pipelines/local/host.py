"""Runs a container component's command as a process on this machine, without Docker."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kfp import local
from kfp.local import status, subprocess_task_handler

from pipelines.local.step import Progress, Step, Stopwatch

GRACE_S = 30  # as Kubernetes gives; training ends within a second, unless it is being set up


class HostTaskHandler(subprocess_task_handler.SubprocessTaskHandler):
    """kfp.local's subprocess handler, for container components.

    The base class refuses them in its `validate_*` methods only, because it cannot know that the image's
    program is installed here as well. Ours are: each command is `python -m components.STEP`.
    """

    def __init__(self, *args: Any, progress: Progress, **kwargs: Any) -> None:  # noqa: ANN401 - as in the base
        super().__init__(*args, **kwargs)
        self._progress = progress

    def validate_image(self, image: str) -> None:
        """Accepts any image; none is run."""

    def validate_not_container_component(self, full_command: list[str]) -> None:
        """Accepts container components."""

    def validate_not_containerized_python_component(self, full_command: list[str]) -> None:
        """Accepts any command."""

    def run(self) -> status.Status:
        """Runs the step to its end.

        Raises:
            StepFailedError: If its process fails.
        """
        step = Step.of(self.full_command)
        step.folder.mkdir(parents=True, exist_ok=True)
        clock = Stopwatch()
        self._progress.started(step.name)
        with _process([sys.executable, *step.command[1:]]) as process:
            assert process.stdout is not None  # noqa: S101 - for the type checker: it is a pipe
            tail = step.follow(process.stdout, self._progress)
            exit_status = process.wait()
        step.conclude(exit_status, tail, clock.seconds, self._progress)
        return status.Status.SUCCESS


@contextmanager
def _process(command: list[str]) -> Iterator[subprocess.Popen[str]]:
    """Starts a process group, and ends it if the block is left early."""
    root = Path(__file__).parent.parent.parent
    environment = os.environ | {"PYTHONPATH": str(root), "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(  # noqa: S603 - the command comes from the compiled pipeline
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env=environment,
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                try:
                    os.killpg(process.pid, signal.SIGTERM)
                    process.wait(GRACE_S)
                except (subprocess.TimeoutExpired, KeyboardInterrupt):  # or Ctrl-C once more
                    os.killpg(process.pid, signal.SIGKILL)
                    process.wait()


def host_runner() -> local.SubprocessRunner:
    """Returns kfp.local's runner for processes; packages come from this environment."""
    return local.SubprocessRunner(use_venv=False)
