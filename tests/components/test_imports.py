"""What each module loads, in fresh processes: containers hold only what their step needs."""

import os
import pkgutil
import re
import subprocess
import sys

import pytest

import components
from components._parameters import expected
from components.evaluate.parameters import EvaluateParameters
from components.ingest.parameters import IngestParameters
from components.split.parameters import SplitParameters
from components.train.parameters import TrainParameters
from components.tune.parameters import TuneParameters

FIELDS = {
    "ingest": IngestParameters.model_fields,
    "split": SplitParameters.model_fields,
    "train": TrainParameters.model_fields,
    "tune": TuneParameters.model_fields,
    "evaluate": EvaluateParameters.model_fields,
    "export": {},
}
HEAVY = {"tensorflow", "keras", "numpy", "pyarrow", "cv2", "PIL", "simplejpeg", "sklearn", "matplotlib"}
MODULES = [module.name for module in pkgutil.walk_packages(components.__path__, "components.") if not module.ispkg]
KFP_FACES = [name for name in MODULES if name.endswith(".component")]


def loaded_after_importing(modules: list[str]) -> set[str]:
    """Imports modules in a fresh process; returns the names of all modules that came with them."""
    code = f"import importlib, sys; [importlib.import_module(m) for m in {modules}]; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return set(done.stdout.split())


def test_the_faces_for_kfp_load_kfp_and_the_image_reference_only():
    assert len(KFP_FACES) == len(FIELDS)
    loaded = loaded_after_importing(KFP_FACES)
    assert "kfp" in loaded
    assert not HEAVY & loaded
    packages = {f"components.{step}" for step in FIELDS}
    ours = {name for name in loaded if name.split(".")[0] == "components"}
    assert ours == {"components", "components._image", *packages, *KFP_FACES}


def test_no_other_module_loads_kfp():
    loaded = loaded_after_importing([name for name in MODULES if name not in KFP_FACES])
    logic = {"components.train.training", "components.tune.worker", "components.export.exporting"}
    assert logic | {"tensorflow"} <= loaded
    assert "kfp" not in loaded


def test_ingest_and_split_do_without_tensorflow():
    modules = [name for name in MODULES if name.split(".")[1] in ("ingest", "split") and name not in KFP_FACES]
    loaded = loaded_after_importing(modules)
    assert "components.ingest.image_dataset" in loaded
    assert not {"tensorflow", "keras"} & loaded


@pytest.fixture(scope="module", params=FIELDS)
def answer(request):
    """(step, its help text, the modules that it took to answer)."""
    command = [sys.executable, "-X", "importtime", "-m", f"components.{request.param}", "--help"]
    environment = os.environ | {"COLUMNS": "250"}
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    return request.param, done.stdout, {line.split("|")[-1].strip() for line in done.stderr.splitlines()}


def help_of_flags(text: str) -> dict[str, str]:
    lines = re.sub(r"\n {10,}", " ", text).splitlines()  # a long flag has its help in the next line
    return {line.split()[0]: line for line in lines if line.startswith("  --")}


def test_help_answers_at_once(answer):
    _, _, loaded = answer
    assert "components._executor" in loaded
    assert not (HEAVY | {"kfp"}) & loaded


def test_help_shows_an_example(answer):
    step, text, _ = answer
    assert f"\nexample:\n  python -m components.{step} --" in text


def test_help_shows_range_and_default_of_every_parameter(answer):
    step, text, _ = answer
    of_flag = help_of_flags(text)
    for name, field in FIELDS[step].items():
        default = field.get_default(call_default_factory=True)
        assert f"; {expected(field)} (default: {default})" in of_flag["--" + name.replace("_", "-")]


def test_every_flag_is_required_or_has_a_default(answer):
    _, text, _ = answer
    usage, options = text.split("\noptions:\n")
    of_flag = help_of_flags(options)
    optional = set(re.findall(r"\[(--[\w-]+)", usage)) - {"--executor-input"}
    assert len(of_flag) > len(optional) + 1
    assert [flag for flag in optional if "(default" not in of_flag[flag]] == []
