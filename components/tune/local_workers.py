"""Several workers on one machine: processes that share a study, each with its share of the cores."""

import os
import subprocess
import sys
from collections.abc import Sequence

from components._progress import say

_GRACE_S = 60.0


def run_local_workers(workers: int, first: int, flags: Sequence[str]) -> int:
    """Runs trials in several processes; none outlives the call.

    Args:
        workers: Number of processes.
        first: Number of the first of them.
        flags: Of the step, as given to each.

    Returns:
        0, or the exit status of a worker that failed: the others have tried its trials, as far as they could.
    """
    cores = sorted(os.sched_getaffinity(0))
    processes: list[subprocess.Popen[bytes]] = []
    try:
        for index in range(workers):
            command = [sys.executable, "-m", "components.tune", *flags, "--only-trials", "--worker", str(first + index)]
            processes.append(subprocess.Popen(command))  # noqa: S603 - ourselves
            os.sched_setaffinity(processes[-1].pid, cores[index::workers] or [cores[index % len(cores)]])
        statuses = [process.wait() for process in processes]
    finally:
        _end(processes)
    for index, status in enumerate(statuses):
        if status:
            say("tune", f"worker {first + index} ended with exit status {_of_shell(status)}")
    return next((_of_shell(status) for status in statuses if status), 0)


def _of_shell(status: int) -> int:
    return status if status >= 0 else 128 - status


def _end(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    """Asks those that still run to end, which lets them hand their trials back; then makes them."""
    for process in processes:
        if process.poll() is None:
            process.terminate()
    for process in processes:
        try:
            process.wait(timeout=_GRACE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
