"""The tuning pipeline: its tasks, its inputs, and that the step understands what it is told."""

import io
import shlex

import pytest
import yaml
from rich.console import Console
from typer.testing import CliRunner

from components._errors import InputError
from components.ingest.parameters import IngestParameters
from components.split.parameters import SplitParameters
from components.tune.__main__ import parser
from components.tune.parameters import TuneParameters
from pipelines.cli import app
from pipelines.compile import compile_pipeline, load_pipeline
from pipelines.local.run import RunResult
from pipelines.local.tuning import print_outcome, trial_parameters
from pipelines.parameters import Parameters, resolve

BY_HAND = {"--work", "--only-trials"}
DATA = {"source", "source_digest", "ledger_uri", "ledger_digest"}
OF_DATA = {*IngestParameters.model_fields, *SplitParameters.model_fields}


@pytest.fixture(scope="module")
def compiled(tmp_path_factory) -> dict:
    file = tmp_path_factory.mktemp("compiled") / "tuning.yaml"
    compile_pipeline(file, pipeline="tuning", registry="registry.example.com/ml", tag="v7")
    load_pipeline(file)
    return yaml.safe_load(file.read_text(encoding="utf-8"))


def test_helpers_share_the_trials_with_a_task_that_no_loop_precedes(compiled):
    tasks = compiled["root"]["dag"]["tasks"]
    assert {name: set(task.get("dependentTasks", ())) for name, task in tasks.items()} == {
        "ingest": set(),
        "split": {"ingest"},
        "for-loop-1": {"split"},
        "tune": {"split"},
    }
    [helper] = compiled["components"]["comp-for-loop-1"]["dag"]["tasks"].values()
    assert helper["inputs"]["parameters"]["worker"] == {"componentInputParameter": "pipelinechannel--helpers-loop-item"}
    assert tasks["tune"]["inputs"]["parameters"]["worker"] == {"runtimeValue": {"constant": 0.0}}
    for task in (helper, tasks["tune"]):
        assert not task["cachingOptions"].get("enableCache")


def test_inputs_are_the_parameters_with_their_defaults(compiled):
    inputs = compiled["root"]["inputDefinitions"]["parameters"]
    ours = {"worker"}
    assert set(inputs) == DATA | OF_DATA | set(TuneParameters.model_fields) - ours | {"helpers"}
    defaults = resolve().model_dump(include=OF_DATA) | TuneParameters().model_dump(exclude=ours) | {"helpers": []}
    for name, default in defaults.items():
        assert inputs[name]["defaultValue"] == default, name


@pytest.mark.parametrize("executor", ["exec-tune", "exec-tune-2"])
def test_compiled_arguments_are_the_steps_flags(executor, compiled):
    container = compiled["deploymentSpec"]["executors"][executor]["container"]
    assert container["image"] == "registry.example.com/ml/scenery-tune:v7"
    words = container["args"]
    flags = {flag for action in parser()._actions for flag in action.option_strings} - {"-h", "--help"}
    assert flags - BY_HAND == set(words[::2])
    for flag, value in zip(words[:-2:2], words[1:-2:2], strict=True):
        assert f"['{flag[2:].replace('-', '_')}']" in value, f"{flag} gets {value}"


def test_trials_begin_with_what_differs_from_the_defaults(tmp_path):
    parameters = Parameters(dropout=0.4, min_recall=0.1, seed=3)
    tuning = trial_parameters(parameters, {"trials": 5, "storage": ""}, tmp_path)
    assert (tuning.base, tuning.seed, tuning.trials) == ({"dropout": 0.4, "seed": 3}, 3, 5)
    assert tuning.storage == f"sqlite:///{tmp_path}/studies.db"
    with pytest.raises(InputError, match="--trials: expected int in"):
        trial_parameters(parameters, {"trials": -1, "storage": ""}, tmp_path)


def test_a_preset_may_be_a_file(tmp_path):
    (tmp_path / "best.yaml").write_text("# The best\ndropout: 0.25\n", encoding="utf-8")
    assert resolve(str(tmp_path / "best.yaml")) == resolve(settings=["dropout=0.25"])
    with pytest.raises(InputError, match=r"missing\.yaml: expected a YAML file of parameters"):
        resolve(str(tmp_path / "missing.yaml"))
    with pytest.raises(InputError, match=r"or the path of a \.yaml file\. Received: 'best'"):
        resolve("best")


@pytest.mark.parametrize("ledger", ["", "gs://acme/our rooms/ledger.csv"])
def test_the_next_command_splits_as_tuning_did(ledger, tmp_path):
    best = tmp_path / "best.yaml"
    best.write_text("dropout: 0.25\n", encoding="utf-8")
    outputs = {"tune": {"best": best, "report": tmp_path / "report.html", "study": tmp_path / "study"}}
    result, printed = RunResult(tmp_path, outputs, 1.0), io.StringIO()
    print_outcome(Console(file=printed, width=80), result, Parameters(), "my photos", ledger)
    words = shlex.split(printed.getvalue().splitlines()[-1])
    expected = ["next", "scenery", "run", "--data", "my photos", *(["--ledger", ledger] if ledger else [])]
    assert words == [*expected, "--preset", str(best)]


def test_compiling_it_leaves_the_pipeline_of_runs_alone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pipeline.yaml").write_text("of runs", encoding="utf-8")
    result = CliRunner().invoke(app, ["compile", "--pipeline", "tuning"])
    assert (result.exit_code, result.output) == (0, "wrote tuning.yaml\n")
    assert yaml.safe_load((tmp_path / "tuning.yaml").read_text())["pipelineInfo"]["name"].endswith("tuning")
    assert (tmp_path / "pipeline.yaml").read_text(encoding="utf-8") == "of runs"
