"""`scenery run --preset NAME`: the presets that are whole systems, made small; and one whose weights can't be had."""

import pytest

pytestmark = pytest.mark.slow

SYSTEMS = ("real_estate", "real_estate_vit", "real_estate_baseline", "natural_scenes", "intel_scenes", "topics")


@pytest.mark.parametrize("preset", SYSTEMS)
def test_a_system_runs_from_photographs_to_what_is_served(preset, sample, run_scenery, tmp_path):
    result = run_scenery(
        "run", "--data", sample, "--preset", preset, cwd=tmp_path, weights="none", image_size_px=32, head_epochs=1
    )
    assert result.returncode == 0, result.stdout + result.stderr
    latest = tmp_path / "runs/latest"
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
