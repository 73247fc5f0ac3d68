"""A cluster on one machine, for trying it out: worker processes that find each other by TF_CONFIG."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack

from components._progress import say

# A worker that has lost another one notices within seconds; it has a minute to say so.
_GRACE_S = 60.0
_POLL_S = 0.1
INTERRUPTED_STATUS = 130  # as a shell counts: 128 + SIGINT


def train_with_local_workers(workers: int, flags: Sequence[str]) -> int:
    """Runs the train step in several processes, each with its share of the cores.

    None outlives the call, nor this process, should it be killed.

    Args:
        workers: Number of processes; the first is the chief.
        flags: Of the step, as given to each.

    Returns:
        0; the exit status of the worker that failed first; or 130 after Ctrl-C.
    """
    addresses = _free_addresses(workers)
    shares = _shares_of_cores(sorted(os.sched_getaffinity(0)), workers)
    say("train", f"{workers} workers on this machine, with {'+'.join(str(len(share)) for share in shares)} cores")
    processes: list[subprocess.Popen[bytes]] = []
    lifeline, held = os.pipe()
    try:
        for index, cores in enumerate(shares):
            processes.append(_start(addresses, index, lifeline, flags))
            os.sched_setaffinity(processes[-1].pid, cores)
        return _first_failure(processes)
    except KeyboardInterrupt:
        return INTERRUPTED_STATUS
    finally:
        _end(processes)
        os.close(lifeline)
        os.close(held)


def _start(addresses: Sequence[str], index: int, lifeline: int, flags: Sequence[str]) -> subprocess.Popen[bytes]:
    tf_config = json.dumps({"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}})
    command = [sys.executable, "-m", "components.train.local_worker", str(lifeline), *flags, "--workers", "1"]
    environment = os.environ | {"TF_CONFIG": tf_config}
    # In a group of its own, for Ctrl-C to reach this process only, which then ends all.
    return subprocess.Popen(command, env=environment, process_group=0, pass_fds=[lifeline])  # noqa: S603 - ourselves


def _free_addresses(number: int) -> list[str]:
    """Returns free ports of this machine, all different because all are taken until the last is known."""
    with ExitStack() as stack:
        listeners = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(number)]
        return [f"127.0.0.1:{listener.getsockname()[1]}" for listener in listeners]


def _shares_of_cores(cores: Sequence[int], workers: int) -> list[list[int]]:
    """Deals cores out; with fewer cores than workers, some share one."""
    return [list(cores[index::workers]) or [cores[index % len(cores)]] for index in range(workers)]


def _first_failure(processes: Sequence[subprocess.Popen[bytes]]) -> int:
    """Waits until all have ended, but not for long after one has failed."""
    failure, deadline_s = 0, float("inf")
    while any(process.poll() is None for process in processes) and time.monotonic() < deadline_s:
        time.sleep(_POLL_S)
        failed = next((process.returncode for process in processes if process.returncode), 0)
        if failed and not failure:
            failure, deadline_s = failed, time.monotonic() + _GRACE_S
    failure = failure or next((process.returncode for process in processes if process.returncode), 0)
    return failure if failure >= 0 else 128 - failure  # as a shell would: 128 + the signal


def _end(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    """Asks those that still run to end, which lets the chief keep a checkpoint; then makes them."""
    for process in processes:
        if process.poll() is None:
            process.terminate()
    for process in processes:
        try:
            process.wait(timeout=_GRACE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
