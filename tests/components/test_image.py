import importlib
import tomllib
from pathlib import Path

import pytest

from components import _image


@pytest.mark.parametrize(
    ("registry", "tag", "name"),
    [
        ("", _image.VERSION, f"scenery-train:{_image.VERSION}"),
        ("eu.example.com/acme/ml", "1", "eu.example.com/acme/ml/scenery-train:1"),
        ("localhost:5000/", "1", "localhost:5000/scenery-train:1"),
    ],
)
def test_reference(registry, tag, name):
    assert _image.reference("train", registry=registry, tag=tag) == name


def test_the_images_have_the_version_of_the_project():
    pyproject = Path(_image.__file__).parent.parent / "pyproject.toml"
    assert tomllib.loads(pyproject.read_text())["project"]["version"] == _image.VERSION


@pytest.mark.parametrize("step", ["ingest", "split", "train", "evaluate", "export"])
def test_each_component_runs_its_own_module_in_its_own_image(step):
    component = getattr(importlib.import_module(f"components.{step}.component"), step)
    container = component.pipeline_spec.deployment_spec["executors"][f"exec-{step}"]["container"]
    assert container["image"] == _image.reference(step)
    assert list(container["command"]) == ["python", "-m", f"components.{step}"]
