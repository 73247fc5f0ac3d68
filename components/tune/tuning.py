"""Running trials, in this process or in several."""

import sys
from collections.abc import Sequence

from components.tune.local_workers import run_local_workers
from components.tune.request import Request


def run_trials(request: Request, flags: Sequence[str], *, alone: bool) -> None:
    """Runs trials until the study has all of them, or time is up.

    Args:
        request: What to do.
        flags: Of the step, for the processes that share the trials.
        alone: Whether this is one of them.

    Raises:
        SystemExit: If a process has failed and the others could not make up for it.
    """
    parameters = request.parameters
    request.open_study()  # before any worker: a wrong place is one error
    if request.is_complete():
        return
    if alone or parameters.workers == 1:
        from components.tune.worker import Worker  # noqa: PLC0415 - TensorFlow, for who trains

        Worker(request, parameters.worker).run()
        return
    status = run_local_workers(parameters.workers, parameters.worker, flags)
    if status and not request.is_complete():
        sys.exit(status)
