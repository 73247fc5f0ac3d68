"""Which trials count, in a real SQLite file."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import optuna
import pytest
from optuna.trial import TrialState

from components._errors import InputError
from components._parameters import checked
from components.tune.outputs import write_outputs
from components.tune.parameters import TuneParameters
from components.tune.request import Request
from components.tune.study import (
    REASON,
    StudyPlace,
    await_one_to_begin,
    await_those_under_way,
    begin_again,
    completed,
    counted,
    is_surplus,
    open_study,
    reason,
)

# Workers go through `Study.optimize`; here, trials are asked for one by one, to be left hanging.
pytestmark = pytest.mark.filterwarnings("ignore:Heartbeat of storage is supposed to be used with Study.optimize")


@pytest.fixture
def place(tmp_path):
    return StudyPlace(f"sqlite:///{tmp_path}/deep/studies.db", "rooms", "abc", lost_after_s=2)


def end(study, value=0.5):
    trial = study.ask({"dropout": optuna.distributions.FloatDistribution(0, 1)})
    study.tell(trial, value)
    return trial.number


def test_the_first_trial_is_the_base_and_comes_once(place):
    first, second = (open_study(place, {"dropout": 0.25}) for _ in range(2))
    assert end(first) == 0
    end(second)
    drawn = [trial.params["dropout"] for trial in counted(first)]
    assert drawn[0] == 0.25 != drawn[1]


def test_trials_of_other_images_are_kept_apart(place):
    open_study(place, None)
    other = StudyPlace(place.storage, place.name, "other images", 2)
    with pytest.raises(InputError, match=r"--study-name rooms: expected trials on the same images .* Name another"):
        open_study(other, None)


def test_trials_of_earlier_lives_count(place):
    end(open_study(place, None))
    study = open_study(place, None)
    assert await_one_to_begin(study, 2)
    end(study)
    assert not await_one_to_begin(study, 2)
    assert await_one_to_begin(study, 3)
    assert not await_one_to_begin(study, 3, deadline_s=time.monotonic())


def test_a_summary_waits_for_trials_of_others(place, capsys):
    study = open_study(place, None)
    await_those_under_way(study)
    assert not capsys.readouterr().out
    theirs = open_study(place, None).ask({"dropout": optuna.distributions.FloatDistribution(0, 1)})
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(await_those_under_way, study)
        time.sleep(1.5)
        assert not waiting.done()
        open_study(place, None).tell(theirs, 0.5)
        waiting.result(timeout=10)
    assert [trial.state for trial in counted(study)] == [TrialState.COMPLETE]
    assert capsys.readouterr().out == "tune: waiting for trials that other workers have under way: 1\n"


def test_one_that_was_cut_off_comes_again_in_place_of_itself(place):
    study = open_study(place, None)
    cut_off = study.ask({"dropout": optuna.distributions.FloatDistribution(0, 1)})
    begin_again(study, cut_off)
    study.tell(cut_off, state=TrialState.FAIL)
    assert [trial.number for trial in counted(study)] == [1]
    assert await_one_to_begin(study, 1)
    assert end(study) == 1
    assert counted(study)[0].params == cut_off.params
    assert not await_one_to_begin(study, 1)


def beat_once(study):
    """Begins a trial, gives one sign of life, and is heard of no more."""
    trial = study.ask({"dropout": optuna.distributions.FloatDistribution(0, 1)})
    study._storage.record_heartbeat(trial._trial_id)
    return trial


@pytest.mark.slow
def test_a_lost_one_comes_again_but_once_only(place):
    study = open_study(place, None)
    lost = beat_once(study)
    assert await_one_to_begin(study, 1)
    again = beat_once(study)
    assert again.params == lost.params
    assert not await_one_to_begin(study, 1)
    [counts] = counted(study)
    assert (counts.number, counts.state) == (again.number, TrialState.FAIL)
    assert reason(counts) == "lost 2 times with its process; the usual reason is too little memory"


@pytest.mark.slow
def test_one_that_was_killed_before_its_first_sign_of_life_comes_again(place):
    study = open_study(place, {"dropout": 0.25})
    abandoned = study.ask()
    assert await_one_to_begin(study, 1)
    again = study.ask()
    assert [(trial.number, trial.state) for trial in counted(study)] == [(again.number, TrialState.RUNNING)]
    assert again.suggest_float("dropout", 0, 1) == 0.25
    assert study.trials[abandoned.number].state == TrialState.FAIL


@pytest.mark.slow
def test_one_that_gives_signs_of_life_is_left_alone(place):
    study, states = open_study(place, None), []

    def watch(trial):
        other = open_study(place, None)
        assert not await_one_to_begin(other, 1, deadline_s=time.monotonic() + 2 * place.lost_after_s)
        states.append(other.trials[trial.number].state)
        return 0.5

    study.optimize(watch, n_trials=1)
    assert states == [TrialState.RUNNING]
    assert len(study.trials) == 1


def test_one_too_many_does_not_count(place):
    study = open_study(place, None)
    trials = [study.ask() for _ in range(3)]
    assert [is_surplus(study, trial, 2) for trial in trials] == [False, False, True]
    assert [trial.number for trial in counted(study)] == [0, 1]


def test_the_best_comes_first_and_ties_keep_their_order(place):
    study = open_study(place, None)
    for value in (0.2, 0.6, 0.4, 0.6):
        end(study, value)
    assert [trial.number for trial in completed(counted(study))] == [1, 3, 2, 0]


@pytest.mark.parametrize(
    ("storage", "complaint"),
    [
        ("postgresql+psycopg://me:secret@127.0.0.1:1/db", "psycopg://127.0.0.1:1/db: expected a database that can be"),
        ("oracle://me:secret@host/db", "--storage oracle://host/db: expected a database that can be reached"),
        ("my studies", "--storage: expected a URL such as"),
        ("sqlite:////proc/nowhere/studies.db", "studies.db: expected a database that can be reached"),
    ],
)
def test_a_storage_that_is_not_there_is_explained_without_its_password(storage, complaint):
    with pytest.raises(InputError) as error:
        open_study(StudyPlace(storage, "rooms", "abc", 2), None)
    assert complaint in str(error.value)
    assert "secret" not in str(error.value)


@pytest.mark.parametrize(
    ("storage", "named"),
    [
        (
            "postgresql+psycopg://me@db.example.com:5433/rooms?sslmode=require",
            "postgresql+psycopg://db.example.com:5433/rooms",
        ),
        ("mysql+pymysql://me@host/rooms?read_default_file=/etc/passwords.cnf", "mysql+pymysql://host/rooms"),
        (
            "postgresql+psycopg://me@/rooms?host=/run/postgresql&passfile=/home/me/.pgpass",
            "postgresql+psycopg:///rooms",
        ),
        ("sqlite:////data/studies.db", "sqlite:////data/studies.db"),
    ],
)
def test_of_a_storage_the_database_is_shown(storage, named):
    assert TuneParameters(storage=storage).storage == storage
    assert StudyPlace(storage, "rooms", "abc", 2).shown == named


@pytest.mark.parametrize(
    "storage",
    [
        "postgresql+psycopg://me:secret@host/db",
        "postgresql+psycopg://me:sec/ret@host/db",
        "postgresql+psycopg://me@host/db?password=secret",
        "mysql+pymysql://me@host/db?charset=utf8mb4&passwd=secret",
        "postgresql+psycopg://me@host/db?sslkey=a&sslpassword=secret",
        "mssql+pyodbc:///?odbc_connect=DRIVER%3DX%3BUID%3Dme%3BPWD%3Dsecret",
    ],
)
def test_a_password_in_the_storage_is_refused_and_not_repeated(storage):
    with pytest.raises(InputError) as error:
        checked(TuneParameters, {"storage": storage})
    assert str(error.value).startswith("storage: expected a URL without a password")
    assert "PGPASSWORD" in str(error.value)
    assert ".pgpass" in str(error.value)
    assert "my.cnf" in str(error.value)
    assert "sec" not in str(error.value)


@pytest.mark.parametrize("storage", ["my studies", "postgresql://me:secret@host:port/db"])
def test_what_is_no_url_is_refused_and_not_repeated(storage):
    with pytest.raises(InputError) as error:
        checked(TuneParameters, {"storage": storage})
    assert (
        str(error.value)
        == "storage: expected a URL such as sqlite:////FILE or postgresql+psycopg://USER@HOST/DATABASE."
    )


def test_a_helper_needs_a_storage():
    with pytest.raises(InputError, match=r"^storage: expected the URL of a database .*, for worker is 1: without one"):
        checked(TuneParameters, {"worker": 1})
    assert TuneParameters(worker=1, storage="sqlite:////tmp/studies.db").worker == 1


def test_without_a_score_nothing_is_written_but_the_reasons_are_told(datasets, tmp_path):
    request = Request(TuneParameters(trials=2), datasets / "train", datasets / "validation", tmp_path / "work")
    study = request.open_study()
    for _ in range(2):
        trial = study.ask()
        trial.set_user_attr(REASON, "too dark")
        study.tell(trial, state=TrialState.FAIL)
    with pytest.raises(InputError, match=r"(?s)at least one complete trial, found 2 trials .*\n  too dark$"):
        write_outputs(request, tmp_path / "study", tmp_path / "best", tmp_path / "report")
    assert {path.name for path in tmp_path.iterdir()} == {"work"}


def test_other_weights_under_the_same_name_make_another_study(datasets, tmp_path):
    file = tmp_path / "w.h5"
    first, second = (_study_with(file, content, datasets) for content in (b"one", b"two"))
    assert first.place().fingerprint != second.place().fingerprint
    moved = _study_with(tmp_path / "elsewhere.h5", b"one", datasets)
    assert moved.place().fingerprint == first.place().fingerprint


def _study_with(weights: Path, content: bytes, datasets: Path) -> Request:
    """Returns a request that has been asked once; what becomes of its weights afterwards makes no difference."""
    weights.write_bytes(content)
    parameters = TuneParameters(base={"weights": str(weights)})
    request = Request(parameters, datasets / "train", datasets / "validation", weights.parent / "work")
    request.place()
    return request


def test_another_preset_in_the_folder_of_one_that_is_searched_makes_another_study(datasets, tmp_path):
    config, fingerprints = tmp_path / "config.json", set()
    for content in ("{}", "[]"):
        config.write_text(content)
        parameters = TuneParameters(backbones=["mobilenet", f"keras_hub:{tmp_path}"])
        request = Request(parameters, datasets / "train", datasets / "validation", tmp_path / "work")
        fingerprints.add(request.place().fingerprint)
    assert len(fingerprints) == 2
