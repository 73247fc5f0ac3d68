"""Processes of steps, and what becomes of them when a run is left early."""

import os
import signal
import sys
import time
from pathlib import Path

import pytest

# Enters the block in which a step runs, and tells when it does.
RUN = """
import sys
from pipelines.local.host import _process
with _process([sys.executable, "-c", sys.argv[1]]) as step:
    print(step.stdout.readline(), flush=True)
    step.wait()
"""
# A step that, told to end, notes it and goes on.
STUBBORN = """
import os, signal, time
from pathlib import Path
signal.signal(signal.SIGTERM, lambda *_: Path("told").touch())
print(os.getpid())
time.sleep(600)
"""


def wait_for(file: Path) -> None:
    deadline_s = time.monotonic() + 20
    while not file.exists():
        assert time.monotonic() < deadline_s, f"{file.name} does not come"
        time.sleep(0.01)


def test_a_step_that_does_not_end_is_killed_by_a_second_ctrl_c(tmp_path, start):
    run = start([sys.executable, "-c", RUN, STUBBORN], tmp_path)
    step = int(run.stdout.readline())
    run.send_signal(signal.SIGINT)
    wait_for(tmp_path / "told")
    assert run.poll() is None  # it waits for the step, which could be writing a checkpoint
    run.send_signal(signal.SIGINT)
    run.wait(timeout=20)
    with pytest.raises(ProcessLookupError):
        os.kill(step, 0)
