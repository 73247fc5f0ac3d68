"""SIGTERM in this process, and in one that waits for other workers in vain."""

import json
import os
import signal
import socket
import subprocess
import sys
import time

import pytest

from components.train.cluster import _answers
from components.train.preemption import Preemption

JOIN = """
import os
from components.train.preemption import Preemption
preemption = Preemption()
preemption.heed_sigterm()
from components.train.cluster import join_cluster
join_cluster(os.environ)
"""


@pytest.fixture
def preemption():
    before = signal.getsignal(signal.SIGTERM)
    preemption = Preemption()
    preemption.heed_sigterm()
    yield preemption
    signal.signal(signal.SIGTERM, before)


def test_told_to_end_with_nothing_under_way_it_ends_at_once(preemption, capsys):
    with pytest.raises(SystemExit) as ending:
        os.kill(os.getpid(), signal.SIGTERM)
    assert ending.value.code == 143
    assert capsys.readouterr().err.startswith("train: told to end (SIGTERM). No step was under way: ")


def test_postponed_it_waits_to_be_asked(preemption):
    preemption.postponed = True
    assert not preemption.requested
    os.kill(os.getpid(), signal.SIGTERM)
    assert preemption.requested


def test_postponed_for_a_while_it_ends_behind_it_at_the_latest(preemption):
    with pytest.raises(SystemExit) as ending, preemption.postponing():
        os.kill(os.getpid(), signal.SIGTERM)
    assert ending.value.code == 143
    assert not preemption.postponed


def test_postponed_before_it_stays_so_behind_it(preemption):
    preemption.postponed = True
    with preemption.postponing():
        os.kill(os.getpid(), signal.SIGTERM)
    assert preemption.postponed


@pytest.mark.slow
def test_told_to_end_while_it_waits_for_other_workers_it_does():
    own, other = free_address(), free_address()
    config = json.dumps({"cluster": {"worker": [own, other]}, "task": {"type": "worker", "index": 0}})
    environment = os.environ | {"TF_CONFIG": config, "TF_CPP_MIN_LOG_LEVEL": "3"}
    process = subprocess.Popen([sys.executable, "-c", JOIN], env=environment, stderr=subprocess.PIPE, text=True)
    while not _answers(own):
        assert process.poll() is None, process.communicate()
        time.sleep(0.1)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=10)
    assert process.returncode == 143
    assert errors.splitlines()[-1].startswith("train: told to end (SIGTERM). No step was under way: ")


def free_address() -> str:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"127.0.0.1:{listener.getsockname()[1]}"
