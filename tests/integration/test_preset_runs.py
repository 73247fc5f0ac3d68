"""`scenery run --preset NAME`: each preset made small, all its phases included; and one whose weights can't be had."""

import json

import keras
import pytest

from components.train.backbones.build import build_backbone
from components.train.backbones.table import NONE, resolved_weights
from pipelines.parameters import Parameters, preset_names, resolve

pytestmark = pytest.mark.slow

SIZE_PX = 32
IN_THE_IMAGE = "efficientnet_lite0"
PHASES = {
    "intel_scenes": ["head", "finetune"],
    "natural_scenes": ["head", "finetune"],
    "quick": ["head"],
    "real_estate": ["head", "finetune"],
    "real_estate_baseline": ["scratch"],
    "real_estate_vit": ["scratch"],
    "thorough": ["head", "finetune"],
    "topics": ["head", "finetune"],
}


@pytest.fixture(scope="module")
def weights_of(tmp_path_factory):
    """Returns what a preset's backbone begins with; in place of a download, random weights from a file."""
    folder = tmp_path_factory.mktemp("weights")

    def weights(preset: Parameters) -> str:
        if resolved_weights(preset.backbone, preset.weights) == NONE or preset.backbone == IN_THE_IMAGE:
            return preset.weights
        file = folder / f"{preset.backbone}.weights.h5"
        if not file.exists():
            keras.utils.set_random_seed(0)
            build_backbone(preset.backbone, NONE, SIZE_PX).save_weights(file)
        return str(file)

    return weights


@pytest.mark.parametrize("preset", preset_names())
def test_a_preset_runs_from_photographs_to_what_is_served(preset, sample, run_scenery, weights_of, tmp_path):
    whole = resolve(preset)
    small = {
        "weights": weights_of(whole),
        "image_size_px": SIZE_PX,
        "head_views": whole.head_views,
        "head_epochs": 1,
        "finetune_epochs": min(1, whole.finetune_epochs),
    }
    result = run_scenery("run", "--data", sample, "--preset", preset, cwd=tmp_path, **small)
    assert result.returncode == 0, result.stdout + result.stderr
    latest = tmp_path / "runs/latest"
    history = json.loads((latest / "train/history/history.json").read_text())
    assert [row["phase"] for row in history["epochs"]] == PHASES[preset]
    assert history["monitor"] == whole.monitor
    of_preset = whole.model_dump(include=set(history["parameters"]))
    assert history["parameters"] == of_preset | small
    assert (latest / "evaluate/report.html").is_file()
    assert (latest / "export/saved_model/1/saved_model.pb").is_file()
    assert (latest / "export/tflite/model.tflite").is_file()


def test_weights_that_cannot_be_fetched_end_a_run_before_its_work_begins(sample, run_scenery, tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "no cache"))
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")  # nobody listens there
    result = run_scenery("run", "--data", sample, "--preset", "natural_scenes", cwd=tmp_path)
    assert result.returncode == 1
    assert "features of" not in result.stdout
    for way_out in ("publishes for mobilenet", "own path or URI as weights", "weights=none", "efficientnet_lite0"):
        assert way_out in result.stderr
