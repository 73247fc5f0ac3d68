"""A worker's loop: what it may go on after, and what it may not."""

import os
import signal

import optuna
import pytest
import sqlalchemy as sa
from optuna.trial import TrialState, create_trial

from components.train.preemption import Preemption
from components.tune.parameters import TuneParameters
from components.tune.request import Request
from components.tune.sampler import TrialSeededSampler
from tests.components.tune.conftest import BASE

pytestmark = pytest.mark.slow  # TensorFlow


class BrokenSampler(TrialSeededSampler):
    def before_trial(self, study, trial) -> None:  # noqa: ARG002 - Optuna's
        raise ValueError("no sampler here")


@pytest.fixture
def worker(datasets, tmp_path):
    """A worker of a study with one finished trial."""
    from components.tune.worker import Worker  # noqa: PLC0415 - TensorFlow

    parameters = TuneParameters(base=BASE, search=["dropout"], trials=3)
    request = Request(parameters, datasets / "train", datasets / "validation", tmp_path / "work")
    drawn = {"dropout": optuna.distributions.FloatDistribution(0.0, 0.6)}
    request.open_study().add_trial(create_trial(value=0.5, params={"dropout": 0.5}, distributions=drawn))
    return Worker(request, 0, Preemption("tune"))


def test_an_error_before_a_trial_begins_ends_the_worker(worker):
    worker._study.sampler = BrokenSampler(0)
    with pytest.raises(ValueError, match="no sampler here"):
        worker.run()


def test_an_error_after_a_trial_has_ended_ends_the_worker(worker, monkeypatch):
    def broken(study: optuna.Study) -> list[optuna.trial.FrozenTrial]:
        raise ValueError("no table here")

    monkeypatch.setattr("components.tune.worker.counted", broken)
    with pytest.raises(ValueError, match="no table here"):
        worker.run()


def test_a_trial_that_others_took_for_lost_is_left_to_them(worker, monkeypatch, capsys):
    """As after a machine was suspended: the first trial has been failed elsewhere when it goes on."""
    taken = []

    def score(trial: optuna.Trial) -> float:
        if not taken:
            taken.append(trial.number)
            worker._study._storage._backend.set_trial_state_values(trial._trial_id, TrialState.FAIL)
            trial.report(0.5, 1)
        return 0.5

    monkeypatch.setattr(worker, "_score", score)
    worker.run()
    assert f"trial {taken[0]}: begun again elsewhere" in capsys.readouterr().out
    assert len([trial for trial in worker._study.trials if trial.state.is_finished()]) == 3


def test_told_to_end_in_the_middle_of_a_query_it_hands_its_trial_back(worker, monkeypatch, signals_restored):
    def tell(connection: sa.Connection, cursor: object, statement: str, *_: object) -> None:
        if statement.startswith("SELECT") and not worker._preemption.requested:
            os.kill(os.getpid(), signal.SIGTERM)

    def score(trial: optuna.Trial) -> float:
        sa.event.listen(engine, "after_cursor_execute", tell)
        trial.report(0.5, 1)
        worker._preemption.end_if_requested()
        return 0.5

    engine = worker._study._storage._backend.engine
    monkeypatch.setattr(worker, "_score", score)
    worker._preemption.heed_signals()
    with pytest.raises(SystemExit):
        worker.run()
    states = [trial.state for trial in worker._study.trials]
    assert states == [TrialState.FAIL, TrialState.COMPLETE, TrialState.WAITING]  # the last one is the first again
