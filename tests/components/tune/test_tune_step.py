"""The real step, on trainings of a few seconds."""

import csv
import json

import optuna
import pytest

from components.tune.outputs import STUDY_FILE
from components.tune.parameters import TuneParameters
from components.tune.request import Request
from pipelines.parameters import resolve
from tests.components.tune.conftest import BASE
from tests.page_parser import Page

SEARCH = ["head_learning_rate", "dropout", "augmentation_magnitude=0,1"]
FLAGS = {"--base": json.dumps(BASE), "--search": json.dumps(SEARCH), "--trials": 4}


@pytest.fixture(scope="module")
def run(tune, tmp_path_factory):
    """(folder, what it said) of a step that ran to its end, as KFP runs it."""
    out = tmp_path_factory.mktemp("run")
    artifacts = {n: {"artifacts": [{"name": n, "uri": f"gs://bucket/{n}"}]} for n in ("study", "best", "report")}
    executor_input = {"outputs": {"artifacts": artifacts, "outputFile": f"{out}/executor_output.json"}}
    done = tune(out, **FLAGS, **{"--executor-input": json.dumps(executor_input)})
    assert done.returncode == 0, done.stderr
    return out, done.stdout


def rows_of(out) -> list[dict[str, str]]:
    with (out / "study" / "trials.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.slow
def test_all_trials_are_there_and_the_best_is_the_best(run):
    rows = rows_of(run[0])
    assert [row["trial"] for row in rows] == ["0", "1", "2", "3"]
    assert {row["state"] for row in rows} == {"complete"}
    best = max(rows, key=lambda row: float(row["macro_f1"]))
    [study] = optuna.get_all_study_summaries(f"sqlite:///{run[0] / 'study' / STUDY_FILE}")
    assert (study.n_trials, study.best_trial.value) == (4, float(best["macro_f1"]))
    described = json.loads((run[0] / "executor_output.json").read_text())["artifacts"]
    assert described["best"]["artifacts"][0]["uri"] == "gs://bucket/best.yaml"
    assert described["best"]["artifacts"][0]["metadata"]["macro_f1"] == float(best["macro_f1"])


@pytest.mark.slow
def test_a_run_takes_the_best_for_a_preset(run):
    best = max(rows_of(run[0]), key=lambda row: float(row["macro_f1"]))
    parameters = resolve(str(run[0] / "best.yaml"))
    assert parameters == resolve(None, run[0] / "best.yaml")
    assert parameters.dropout == float(best["dropout"])
    assert parameters.head_learning_rate == float(best["head_learning_rate"])
    assert (parameters.head_epochs, parameters.image_size_px) == (2, 32)


@pytest.mark.slow
def test_the_first_trial_is_the_base(run):
    first = rows_of(run[0])[0]
    assert (float(first["dropout"]), float(first["head_learning_rate"])) == (0.2, 1e-3)


@pytest.mark.slow
def test_features_are_computed_once_for_each_magnitude(run):
    magnitudes = {row["augmentation_magnitude"] for row in rows_of(run[0])}
    lines = run[1].splitlines()
    computed = [line for line in lines if line.startswith("train: features of 24/24 views of the training images")]
    assert len(computed) == len(magnitudes)
    assert len([line for line in lines if line.startswith("train: features of 12/12 validation images")]) == 1


@pytest.mark.slow
def test_it_says_where_it_stands(run):
    said = [line for line in run[1].splitlines() if line.startswith("tune: ")]
    assert any(line.startswith("tune: trial 0: epoch 1, macro-F1 0.") for line in said)
    assert [line.split(":")[1] for line in said if "/4: trial" in line] == [" 1/4", " 2/4", " 3/4", " 4/4"]
    assert said[-1].startswith("tune: best: trial ")


@pytest.mark.slow
def test_the_page_reads(run):
    assert "4 of 4" in Page(run[0] / "report.html").text


@pytest.mark.slow
def test_run_again_it_does_only_what_is_left(run, tune):
    again = tune(run[0], **FLAGS | {"--trials": 5, "--base": FLAGS["--base"]})
    assert again.returncode == 0, again.stderr
    assert next(line for line in again.stdout.splitlines() if "/5: trial" in line).startswith("tune: 5/5: trial 4: ")
    rows = rows_of(run[0])
    assert len(rows) == 5
    assert len({row["dropout"] for row in rows}) == 5


@pytest.mark.slow
def test_what_falls_behind_is_pruned(datasets, tmp_path, tune):
    """Five trials that were perfect from the first epoch on stand before one that hardly learns."""
    given = {"base": BASE | {"head_epochs": 6, "warmup_epochs": 1}, "search": ["head_learning_rate=1e-9..2e-9"]}
    parameters = TuneParameters.model_validate(given)
    study = Request(parameters, datasets / "train", datasets / "validation", tmp_path / ".study.work").open_study()
    perfect = optuna.create_trial(
        value=1.0,
        params={"head_learning_rate": 1e-9},
        distributions={"head_learning_rate": optuna.distributions.FloatDistribution(1e-9, 2e-9, log=True)},
        intermediate_values=dict.fromkeys(range(1, 7), 1.0),
    )
    study.add_trials([perfect] * 5)
    done = tune(
        tmp_path,
        **{"--base": json.dumps(given["base"]), "--search": json.dumps(given["search"]), "--trials": 6},
    )
    assert done.returncode == 0, done.stderr
    last = rows_of(tmp_path)[-1]
    assert (last["state"], last["epochs"], last["macro_f1"]) == ("pruned", "2", "")
    assert last["reason"].startswith("fell behind: macro-F1 0.")


@pytest.mark.slow
def test_a_failed_trial_is_noted_and_tuning_goes_on(datasets, tmp_path, tune):
    """KerasHub finds no such preset; the other backbone trains."""
    missing = "keras_hub:./no_such_preset"
    given = {"base": BASE, "backbones": [missing, "efficientnet_lite0"], "search": ["dropout"]}
    parameters, work = TuneParameters.model_validate(given), tmp_path / ".study.work"
    study = Request(parameters, datasets / "train", datasets / "validation", work).open_study()
    study.enqueue_trial({"backbone": missing, "dropout": 0.1})
    flags = {f"--{name}": json.dumps(value) for name, value in given.items()} | {"--trials": 2}
    done = tune(tmp_path, **flags)
    assert done.returncode == 0, done.stderr
    failed = [row for row in rows_of(tmp_path) if row["state"] == "fail"]
    assert failed
    assert all("no_such_preset" in row["reason"] or "keras" in row["reason"].lower() for row in failed)
    assert resolve(str(tmp_path / "best.yaml")).backbone == "efficientnet_lite0"


@pytest.mark.slow
def test_when_all_fail_the_step_does(tmp_path, tune):
    base = BASE | {"backbone": "keras_hub:./no_such_preset"}
    done = tune(tmp_path, **FLAGS | {"--base": json.dumps(base), "--trials": 2})
    assert done.returncode == 2
    assert "expected at least one complete trial, found 2 trials that ended without a score" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_time_up_begins_no_other_trial(tmp_path, tune):
    done = tune(tmp_path, **FLAGS | {"--timeout-minutes": 0.001, "--trials": 50})
    assert len([line for line in done.stdout.splitlines() if "/50: trial" in line]) < 50


def test_a_wrong_flag_is_one_message_and_status_2(tmp_path, tune):
    done = tune(tmp_path, **FLAGS | {"--search": '["dropot"]'})
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: search: expected one of ")
    assert list(tmp_path.iterdir()) == []
