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
preemption.heed_signals()
from components.train.cluster import join_cluster
join_cluster(os.environ)
"""


@pytest.fixture
def preemption(signals_restored):
    preemption = Preemption()
    preemption.heed_signals()
    return preemption


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_told_to_end_with_nothing_under_way_it_ends_at_once(preemption, capsys, number, status):
    with pytest.raises(SystemExit) as ending:
        os.kill(os.getpid(), number)
    assert ending.value.code == status
    said = capsys.readouterr().err
    assert said.startswith(f"train: told to end ({number.name}). No step was under way: ")
    assert said.endswith("Run the same command again to go on.\n")


def test_postponed_it_waits_to_be_asked(preemption):
    with preemption.postponing():
        preemption.end_if_requested()
        assert not preemption.requested
        os.kill(os.getpid(), signal.SIGTERM)
        assert preemption.requested
        with pytest.raises(SystemExit) as ending:
            preemption.end_if_requested()
    assert ending.value.code == 143


def test_postponed_within_it_stays_so(preemption):
    with preemption.postponing():
        with preemption.postponing():
            pass
        os.kill(os.getpid(), signal.SIGTERM)
    with pytest.raises(SystemExit):
        preemption.end_if_requested()


def test_ctrl_c_twice_does_not_wait(preemption, capfd):
    with preemption.postponing():
        os.kill(os.getpid(), signal.SIGINT)
    assert "train: ends after the step under way; Ctrl-C again ends it at once" in capfd.readouterr().err
    assert signal.getsignal(signal.SIGINT) is signal.SIG_DFL


def test_nobody_need_hear_it(preemption, monkeypatch):
    """As when the same Ctrl-C has ended the program that the messages go to."""

    def closed(*_: object) -> None:
        raise BrokenPipeError

    monkeypatch.setattr(os, "write", closed)
    monkeypatch.setattr(sys.stderr, "write", closed)
    with preemption.postponing():
        os.kill(os.getpid(), signal.SIGINT)
    with pytest.raises(SystemExit):
        preemption.end_if_requested()


def test_told_twice_it_goes_on_ending(preemption, capsys):
    """The second time would come in the midst of what has to be done before the end."""
    with pytest.raises(SystemExit):
        os.kill(os.getpid(), signal.SIGTERM)
    capsys.readouterr()
    os.kill(os.getpid(), signal.SIGTERM)
    assert capsys.readouterr().err == ""


def test_a_step_says_what_it_has_kept(signals_restored, capsys):
    preemption = Preemption("tune", "Everything is kept")
    preemption.heed_signals()
    with pytest.raises(SystemExit):
        os.kill(os.getpid(), signal.SIGTERM)
    assert capsys.readouterr().err.startswith("tune: told to end (SIGTERM). Everything is kept. ")


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
