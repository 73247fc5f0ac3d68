"""Several workers of a step on one machine; of train, a cluster for trying it out, which TF_CONFIG holds together."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path

from components._progress import say

# A worker that has lost another one notices within seconds; it has a minute to say so.
_GRACE_S = 60.0
_POLL_S = 0.1
ON_ONE_MACHINE = "SCENERY_WORKERS_ON_ONE_MACHINE"  # set for those of a cluster, who may share a GPU


@dataclass(frozen=True)
class LocalWorker:
    """A process to start.

    Attributes:
        module: Of the step, which is run as a program.
        flags: Of the step.
        environment: Variables that are added to this process's.
    """

    module: str
    flags: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)


@contextmanager
def local_workers(step: str, workers: Sequence[LocalWorker], first: int = 0) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Yields a step's processes, each with its share of the cores and GPUs.

    None outlives the block, nor this process, should it be killed.

    Args:
        step: In whose name they are announced.
        workers: What to start.
        first: Number of the first of them, among all that share this machine's GPUs.
    """
    shares = _shares_of_cores(sorted(os.sched_getaffinity(0)), len(workers))
    say(step, f"{len(workers)} workers on this machine, with {'+'.join(str(len(share)) for share in shares)} cores")
    gpus = visible_gpus(os.environ)
    processes: list[subprocess.Popen[bytes]] = []
    lifeline, held = os.pipe()
    try:
        for number, (worker, cores) in enumerate(zip(workers, shares, strict=True), first):
            processes.append(_start(worker, share_of_gpus(number, gpus), lifeline))
            os.sched_setaffinity(processes[-1].pid, cores)
        yield processes
    finally:
        _end(processes)
        os.close(lifeline)
        os.close(held)


def end_status(returncode: int) -> int:
    """Returns the status with which a process ended, as a shell would: of a signal, 128 + its number."""
    return returncode if returncode >= 0 else 128 - returncode


def visible_gpus(environment: Mapping[str, str], devices: Path = Path("/dev")) -> list[str]:
    """Returns what CUDA_VISIBLE_DEVICES can name here, found without TensorFlow, which takes seconds to load.

    Args:
        environment: `os.environ`; what it names already is all there is.
        devices: Folder in which NVIDIA's driver has a file for each GPU.
    """
    if "CUDA_VISIBLE_DEVICES" in environment:
        names = [name.strip() for name in environment["CUDA_VISIBLE_DEVICES"].split(",")]
        return list(takewhile(lambda name: name not in ("", "-1", "NoDevFiles"), names))  # as CUDA reads it
    return [str(index) for index in range(len(list(devices.glob("nvidia[0-9]*"))))]


def share_of_gpus(number: int, gpus: Sequence[str]) -> dict[str, str]:
    """Returns the variables that give a worker one GPU; with fewer GPUs than workers, some share one.

    TensorFlow takes all the memory of all GPUs otherwise, and leaves none to the other processes.

    Args:
        number: Of the worker, 0 up.
        gpus: This machine's, as CUDA_VISIBLE_DEVICES names them.
    """
    growth = {"TF_FORCE_GPU_ALLOW_GROWTH": "true"}
    return growth | {"CUDA_VISIBLE_DEVICES": gpus[number % len(gpus)]} if gpus else growth


def train_with_local_workers(workers: int, flags: Sequence[str]) -> int:
    """Runs the train step in several processes, each with its share of the cores and GPUs.

    Args:
        workers: Number of processes; the first is the chief.
        flags: Of the step, as given to each.

    Returns:
        0, or the exit status of the worker that failed first.
    """
    addresses = _free_addresses(workers)
    each = [_of_cluster(addresses, index, flags) for index in range(workers)]
    with local_workers("train", each) as processes:
        return _first_failure(processes)


def _of_cluster(addresses: Sequence[str], index: int, flags: Sequence[str]) -> LocalWorker:
    tf_config = json.dumps({"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}})
    return LocalWorker("components.train", [*flags, "--workers", "1"], {"TF_CONFIG": tf_config, ON_ONE_MACHINE: "1"})


def _start(worker: LocalWorker, share: Mapping[str, str], lifeline: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "components.train.local_worker", str(lifeline), worker.module, *worker.flags]
    environment = {**os.environ, **share, **worker.environment}
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
    return end_status(failure)


def _end(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    """Asks those that still run to end, which lets them keep what they have; then makes them."""
    for process in processes:
        if process.poll() is None:
            process.terminate()
    for process in processes:
        try:
            process.wait(timeout=_GRACE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
