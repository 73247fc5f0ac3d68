import os
import signal

import pytest

from components.train.preemption import Preemption


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
