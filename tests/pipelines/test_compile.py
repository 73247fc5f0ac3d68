"""`pipeline.yaml` is what the code compiles to, and its steps understand what it tells them."""

import importlib
import inspect
from pathlib import Path

import pytest
import yaml

from components import _image
from components._errors import InputError
from pipelines.compile import COMPONENTS, PIPELINE_FILE, compile_pipeline, component_of, load_pipeline
from pipelines.parameters import Parameters
from pipelines.scene_classification import scene_classification

# Flags that people use by hand and the pipeline leaves at their defaults.
BY_HAND = {"evaluate": {"--batch-size"}, "train": {"--workers"}}


def read(file: Path) -> dict:
    compiled = yaml.safe_load(file.read_text(encoding="utf-8"))
    del compiled["sdkVersion"]
    return compiled


@pytest.fixture(scope="module")
def compiled(tmp_path_factory) -> dict:
    file = tmp_path_factory.mktemp("compiled") / "pipeline.yaml"
    compile_pipeline(file)
    return read(file)


def container(compiled: dict, component: str) -> dict:
    return compiled["deploymentSpec"]["executors"][f"exec-{component}"]["container"]


def test_committed_pipeline_is_up_to_date(compiled):
    assert read(PIPELINE_FILE) == compiled, "pipeline.yaml is out of date; `make pipeline` writes it again"


def test_registry_and_tag_are_in_every_image(tmp_path):
    compile_pipeline(tmp_path / "p.yaml", registry="registry.example.com/ml/", tag="v7")
    elsewhere = read(tmp_path / "p.yaml")
    assert {container(elsewhere, c)["image"] for c in COMPONENTS} == {
        f"registry.example.com/ml/scenery-{c}:v7" for c in COMPONENTS
    }
    compile_pipeline(tmp_path / "p.yaml")
    assert container(read(tmp_path / "p.yaml"), "train")["image"] == f"scenery-train:{_image.VERSION}"


def test_steps_follow_the_data_and_export_waits_for_the_blessing(compiled):
    tasks = compiled["root"]["dag"]["tasks"]
    needs = {name: set(task.get("dependentTasks", ())) for name, task in tasks.items()}
    assert needs == {
        "ingest": set(),
        "split": {"ingest"},
        "train": {"split"},
        "evaluate": {"split", "train"},
        "condition-1": {"evaluate", "split", "train"},
    }
    assert tasks["condition-1"]["triggerPolicy"]["condition"].endswith("== 'bless'")
    assert set(compiled["components"]["comp-condition-1"]["dag"]["tasks"]) == {"export"}


def test_training_is_tried_again_after_a_preemption(compiled):
    tasks = compiled["root"]["dag"]["tasks"]
    assert {name for name, task in tasks.items() if "retryPolicy" in task} == {"train"}
    assert tasks["train"]["retryPolicy"]["maxRetryCount"] == 3


def test_inputs_are_the_parameters_with_their_defaults(compiled):
    inputs = compiled["root"]["inputDefinitions"]["parameters"]
    of_a_run = {"source", "source_digest", "ledger_uri", "ledger_digest", "checkpoints"}
    assert set(inputs) - of_a_run == set(Parameters.model_fields)
    kinds = {"STRING": str, "NUMBER_INTEGER": int, "NUMBER_DOUBLE": float, "STRUCT": dict, "LIST": list}
    for name, default in Parameters().model_dump().items():
        assert inputs[name]["defaultValue"] == default, name
        assert kinds[inputs[name]["parameterType"]] is type(default), name


@pytest.mark.parametrize("component", COMPONENTS)
def test_compiled_arguments_are_the_steps_flags(component, compiled):
    command = container(compiled, component)
    assert command["command"] == ["python", "-m", f"components.{component}"]
    parser = importlib.import_module(f"components.{component}.__main__").parser()
    numbers = {f"--{name.replace('_', '-')}": str(value) for name, value in Parameters().model_dump().items()}
    words = command["args"]
    arguments = [
        numbers.get(words[i - 1], "a value") if word.startswith("{{") else word for i, word in enumerate(words)
    ]
    parser.parse_args(arguments)
    flags = {flag for action in parser._actions for flag in action.option_strings} - {"-h", "--help"}
    assert flags - BY_HAND.get(component, set()) == set(words[::2])
    assert words[-2:] == ["--executor-input", "{{$}}"]


@pytest.mark.parametrize("component", COMPONENTS)
def test_component_passes_each_value_under_its_own_flag(component, compiled):
    words = container(compiled, component)["args"]
    for flag, value in zip(words[:-2:2], words[1:-2:2], strict=True):
        assert f"['{flag[2:].replace('-', '_')}']" in value, f"{flag} gets {value}"


def test_pipeline_calls_each_step_once_in_data_order():
    body = inspect.getsource(scene_classification.pipeline_func)
    calls = [body.index(f"{name}(\n") if name != "export" else body.index("export(") for name in COMPONENTS]
    assert calls == sorted(calls)


def test_what_is_no_pipeline_is_refused(tmp_path):
    (tmp_path / "notes.yaml").write_text("shopping: [milk]")
    with pytest.raises(InputError, match=r"notes\.yaml: expected a compiled pipeline"):
        load_pipeline(tmp_path / "notes.yaml")
    with pytest.raises(InputError, match=r"nowhere\.yaml"):
        load_pipeline(tmp_path / "nowhere.yaml")


def test_component_is_read_from_its_image():
    assert component_of("host:5000/a/scenery-train:1@sha256:ab") == "train"
    with pytest.raises(InputError, match="scenery-COMPONENT"):
        component_of("python:3.11")
