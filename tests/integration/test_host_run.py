"""`scenery run` on the host: the whole pipeline as a user starts it."""

import json
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the user stands; its name has a space in it."""
    return tmp_path_factory.mktemp("a user's folder")


@pytest.fixture(scope="module")
def first_run(folder, sample, run_scenery) -> subprocess.CompletedProcess[str]:
    result = run_scenery("run", "--data", sample, cwd=folder)
    assert result.returncode == 0, result.stdout + result.stderr
    return result


def steps_run(result: subprocess.CompletedProcess[str]) -> list[str]:
    return [line.split("|")[0].strip() for line in result.stdout.splitlines() if line.endswith("| begins")]


def processes_that_name(path: Path) -> list[str]:
    found = []
    for command_line in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it ended meanwhile
            found.append(command_line.read_text(errors="replace"))
    return [command for command in found if str(path) in command]


def test_every_output_is_where_the_summary_says(first_run, folder):
    summary = dict(
        line.split(maxsplit=1)
        for line in first_run.stdout.splitlines()
        if line.startswith(("report", "metrics", "TFL"))
    )
    assert set(summary) == {"report", "metrics", "TFLite"}
    for path in summary.values():
        assert (folder / path.strip()).exists(), path
    latest = folder / "runs/latest"
    assert (latest / "export/saved_model/1/saved_model.pb").is_file()
    assert (latest / "export/tflite/model.tflite").is_file()
    assert (latest / "train/history/curves.png").is_file()
    assert (latest / "split/ledger/ledger.parquet").is_file()


def test_steps_run_in_data_order_and_report_themselves(first_run):
    assert steps_run(first_run) == ["ingest", "split", "train", "evaluate", "export"]
    assert "images/s" in first_run.stdout
    assert "head: epoch 2/2: loss" in first_run.stdout


def test_metrics_count_every_test_image_once(first_run, folder):
    latest = folder / "runs/latest"
    metrics = json.loads((latest / "evaluate/metrics.json").read_text())
    test_set = json.loads((latest / "split/test/dataset.json").read_text())
    assert metrics["rows"] == sum(test_set["counts"].values())
    assert [scores["support"] for scores in metrics["per_class"]] == list(test_set["counts"].values())


def test_unreadable_files_are_rejected_with_reasons(first_run, folder):
    lines = (folder / "runs/latest/ingest/images/rejected.jsonl").read_text().splitlines()
    reasons = {Path(row["source_uri"]).stem: row["reason"] for row in map(json.loads, lines)}
    of_kind = {kind: [r for name, r in reasons.items() if kind in name] for kind in ("truncated", "webpage", "empty")}
    assert all("damaged JPEG" in reason for reason in of_kind["truncated"])
    assert all("not an image" in reason for reason in of_kind["webpage"])
    assert all(reason == "empty file" for reason in of_kind["empty"])
    assert all(of_kind.values()), "the sample holds one of each"


def test_unchanged_steps_are_reused_and_changed_ones_are_not(first_run, folder, sample, run_scenery):
    again = run_scenery("run", "--data", sample, "--cache", cwd=folder)
    assert steps_run(again) == []
    assert again.stdout.count("reused") == 5

    stricter = run_scenery("run", "--data", sample, "--cache", cwd=folder, min_support=6)
    assert steps_run(stricter) == ["evaluate"], "train's outputs are as they were, and so is what export takes"

    grown = shutil.copytree(sample, folder / "grown photos")
    shutil.copy(next((grown / "hall").glob("*.jpg")), grown / "hall/one more.jpg")
    assert steps_run(run_scenery("run", "--data", grown, "--cache", cwd=folder))[:2] == ["ingest", "split"]


def test_without_cache_nothing_is_reused(first_run, folder, sample, run_scenery):
    rejected = run_scenery("run", "--data", sample, cwd=folder, min_macro_f1=1)
    assert rejected.returncode == 0
    assert steps_run(rejected) == ["ingest", "split", "train", "evaluate"], "a rejected model is not exported"
    assert "reject, not exported" in rejected.stdout
    assert not (folder / "runs/latest/export").exists()


def test_a_failing_step_shows_its_own_error_and_log(folder, tmp_path, sample, run_scenery):
    data = shutil.copytree(sample, tmp_path / "photos")
    for file in sorted((data / "hall").iterdir())[2:]:
        file.unlink()
    result = run_scenery("run", "--data", data, cwd=folder)
    assert result.returncode == 1
    assert "ingest failed" in result.stderr
    assert "at least 3 usable images" in result.stderr.replace("\n", " ")
    assert "Traceback" not in result.stdout + result.stderr
    log = result.stderr.rpartition("log: ")[2].replace("\n", "")
    assert "at least 3" in Path(log).read_text()


def test_wrong_parameters_end_before_anything_starts(tmp_path, sample, run_scenery):
    result = run_scenery("run", "--data", sample, cwd=tmp_path, head_epoch=3, min_recall=2)
    assert result.returncode == 2
    assert "'head_epochs'" in result.stderr
    assert "min_recall: expected float in [0, 1]. Received: 2." in result.stderr
    assert not (tmp_path / "runs").exists()


def test_ctrl_c_ends_the_steps_process(tmp_path, sample, start):
    process = start([sys.executable, "-m", "pipelines.cli", "run", "--data", sample], tmp_path)
    assert any("train | begins" in line for line in process.stdout)
    time.sleep(2)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 130, errors
    assert "stopped" in errors
    assert not processes_that_name(tmp_path), "the train step outlived its run"
