"""The choice of combinations: by many workers that know nothing of each other, and by one, again and again."""

import optuna
import pytest

from components.tune.sampler import TrialSeededSampler
from components.tune.study import StudyPlace, open_study

# Workers go through `Study.optimize`; here, trials are asked for one by one, from several connections by turns.
pytestmark = pytest.mark.filterwarnings("ignore:Heartbeat of storage is supposed to be used with Study.optimize")


def open_with_sampler(place: StudyPlace, seed: int) -> optuna.Study:
    study = open_study(place, None)
    study.sampler = TrialSeededSampler(seed)
    return study


def draws(folder, workers: int, seed: int = 0) -> list[tuple[float, float]]:
    """Returns what workers draw that ask by turns, enough of them for TPE to follow on its random beginning."""
    place = StudyPlace(f"sqlite:///{folder}/studies.db", "rooms", "abc", lost_after_s=60)
    studies = [open_with_sampler(place, seed) for _ in range(workers)]
    drawn = []
    for _ in range(16 // workers):
        trials = [study.ask() for study in studies]
        for study, trial in zip(studies, trials, strict=True):
            drawn.append((trial.suggest_float("dropout", 0, 1), trial.suggest_float("rate", 1e-5, 1e-1, log=True)))
            study.tell(trial, drawn[-1][0])
    return drawn


def test_workers_that_know_nothing_of_each_other_draw_different_combinations(tmp_path):
    drawn = draws(tmp_path, workers=4)
    assert len({dropout for dropout, _ in drawn}) == len({rate for _, rate in drawn}) == 16


def test_one_worker_draws_the_same_every_time_and_what_follows_depends_on_no_restart(tmp_path):
    whole = draws(tmp_path / "a", workers=1)
    assert draws(tmp_path / "b", workers=1) == whole
    assert draws(tmp_path / "c", workers=1, seed=1)[0] != whole[0]
    place = StudyPlace(f"sqlite:///{tmp_path}/d/studies.db", "rooms", "abc", lost_after_s=60)
    for expected in whole:
        study = open_with_sampler(place, 0)  # as after an interruption
        trial = study.ask()
        drawn = (trial.suggest_float("dropout", 0, 1), trial.suggest_float("rate", 1e-5, 1e-1, log=True))
        study.tell(trial, drawn[0])
        assert drawn == expected
