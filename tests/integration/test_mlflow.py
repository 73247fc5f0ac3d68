"""Trainings tracked on a real MLflow server: interrupted ones go on with their run, and none needs the server."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from mlflow import MlflowClient

from components._errors import InputError
from components.train.mlflow_run import MlflowRun, begin_run
from tests.training_artifact import epoch_rows

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

FLAGS = "--backbone baseline_cnn --image-size-px 32 --batch-size 4 --head-epochs 3 --finetune-epochs 0"
ROWS = epoch_rows(head=[0.5, 0.6, 0.7], finetune=[0.8, 0.75])
CLIENT = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",  # so that a server that is gone costs tests no time
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}


class Server:
    """An MLflow server on SQLite that can be stopped and started again at the same address."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            self._port = listener.getsockname()[1]
        self._folder, self.uri = folder, f"http://127.0.0.1:{self._port}"
        self.client = MlflowClient(self.uri)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Waits until it answers."""
        self.stop()
        store = ["--backend-store-uri", f"sqlite:///{self._folder}/runs.sqlite"]
        store += ["--artifacts-destination", f"{self._folder}/artifacts"]
        address = ["--host", "127.0.0.1", "--port", str(self._port), "--workers", "1"]
        command = [sys.executable, "-m", "mlflow", "server", *store, *address]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                command, env=os.environ | CLIENT, stdout=log, stderr=log, cwd=self._folder, process_group=0
            )
        deadline_s = time.monotonic() + 600
        while not self._answers():
            assert self._process.poll() is None, (self._folder / "log").read_text()
            assert time.monotonic() < deadline_s
            time.sleep(0.2)

    def stop(self) -> None:
        """Kills it and the processes that it has started."""
        if self._process and self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.uri}/health", timeout=5):
                return True
        except (urllib.error.URLError, OSError):
            return False

    def steps(self, run_id: str, name: str = "val_macro_f1") -> list[int]:
        """Returns the step of each number that it has of a metric, each as often as it has it."""
        return sorted(metric.step for metric in self.client.get_metric_history(run_id, name))

    def files(self, run_id: str, folder: str = "") -> list[str]:
        return sorted(file.path for file in self.client.list_artifacts(run_id, folder))


@pytest.fixture(scope="module")
def long_running(tmp_path_factory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("mlflow"))
    with pytest.MonkeyPatch.context() as patch:
        for name, value in CLIENT.items():
            patch.setenv(name, value)
        yield server
    server.stop()


@pytest.fixture
def server(long_running) -> Server:
    if not long_running._answers():
        long_running.start()
    return long_running


@pytest.fixture
def begin(server, tmp_path):
    def begin(experiment="scenery", **parameters) -> MlflowRun:
        return begin_run(server.uri, experiment, tmp_path / "kept" / "run.json", parameters, {"train_digest": "abc"})

    return begin


def test_each_epoch_is_there_when_it_has_ended(server, begin):
    with begin(dropout=0.2, weights="") as run:
        for number in range(1, 4):
            run.follow(ROWS[:number])
            assert server.steps(run.run_id) == list(range(1, number + 1))
        seen = server.client.get_run(run.run_id)
        assert (seen.info.status, seen.data.params) == ("RUNNING", {"dropout": "0.2", "weights": '""'})
        assert (seen.data.tags["train_digest"], seen.data.metrics["val_macro_f1"]) == ("abc", 0.7)
    assert server.client.get_run(run.run_id).info.status == "FINISHED"


def test_a_new_process_goes_on_with_the_run_and_repeats_nothing(server, begin):
    def told_to_end(run):
        with run:
            run.follow(ROWS[:3])
            sys.exit(143)

    run = begin(dropout=0.2)
    with pytest.raises(SystemExit):
        told_to_end(run)
    assert server.client.get_run(run.run_id).info.status == "KILLED"
    with begin(dropout=0.2, checkpoint_minutes=1) as later:
        later.follow(ROWS[:2])  # from a checkpoint before the last epoch
        assert server.client.get_run(run.run_id).info.status == "RUNNING"
        later.follow(ROWS[:3])
        later.follow(ROWS[:4])
    assert later.run_id == run.run_id
    assert server.steps(run.run_id) == [1, 2, 3, 4]


def test_an_error_is_a_failure(server, begin):
    with pytest.raises(InputError), begin() as run:
        raise InputError("the loss became nan")
    assert server.client.get_run(run.run_id).info.status == "FAILED"


def test_a_run_that_somebody_has_deleted_begins_anew(server, begin):
    with begin() as run:
        run.follow(ROWS)
    server.client.delete_run(run.run_id)
    with begin() as other:
        other.follow(ROWS)
    assert other.run_id != run.run_id
    assert server.steps(other.run_id) == [1, 2, 3, 4, 5]


def test_what_a_server_missed_is_sent_when_it_is_back(server, begin, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("components.train.mlflow_run._TIMES_ITS_COST", 0)
    (tmp_path / "report.html").write_text("page")
    with begin() as run:
        run.follow(ROWS[:1])
        server.stop()
        for number in (2, 3):
            run.follow(ROWS[:number])
        server.start()
        run.follow(ROWS[:4])
        assert server.steps(run.run_id) == [1, 2, 3, 4]
        run.finish({"": tmp_path / "report.html"}, {"best_val_macro_f1": 0.8})
    lines = capsys.readouterr().out.splitlines()
    assert len([line for line in lines if "Training goes on; what the server misses is sent later" in line]) == 1
    assert lines[-1] == "train: MLflow: the server is back, and lacks nothing"
    assert server.files(run.run_id) == ["report.html"]
    assert server.client.get_run(run.run_id).data.metrics["best_val_macro_f1"] == 0.8


def test_a_server_that_does_not_come_back_costs_little_and_what_it_lacks_is_named(
    server, begin, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr("components.train.mlflow_run._BETWEEN_LAST_ATTEMPTS_S", 0)
    (tmp_path / "report.html").write_text("page")
    with begin() as run:
        run.follow(ROWS[:2])
        server.stop()
        began_s = time.monotonic()
        for _ in range(1000):
            run.follow(ROWS)
        assert time.monotonic() - began_s < 30
        run.finish({"": tmp_path / "report.html"}, {})
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "train: MLflow: the run lacks epochs from 3, report.html. The step's outputs have it all."


def test_an_interrupted_training_goes_on_without_its_server(server, begin, capsys):
    with begin() as run:
        run.follow(ROWS[:2])
    server.stop()
    with begin() as later:
        later.follow(ROWS[:3])
        assert later.run_id == run.run_id
        server.start()
        later.finish({}, {})
    assert server.steps(run.run_id) == [1, 2, 3]


@pytest.mark.parametrize("uri", ["http://127.0.0.1:9", "http://nowhere.invalid"])
def test_a_server_that_is_not_there_is_named_at_once(uri, tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(InputError) as refusal:
        begin_run(uri, "scenery", tmp_path / "run.json", {}, {})
    assert f"mlflow_tracking_uri: expected an MLflow server at {uri} that takes runs" in str(refusal.value)
    assert list(tmp_path.iterdir()) == []


def test_a_deleted_experiment_is_refused(server, tmp_path):
    server.client.delete_experiment(server.client.create_experiment("gone"))
    with pytest.raises(InputError, match="takes runs of the experiment 'gone'"):
        begin_run(server.uri, "gone", tmp_path / "run.json", {}, {})


def start(datasets: Path, out: Path, uri: str, *flags: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "components.train", *FLAGS.split(), "--mlflow-tracking-uri", uri, *flags]
    for split in ("train", "validation"):
        command += [f"--{split}", datasets / split]
    for name in ("model", "history", "report", "tensorboard"):
        command += [f"--{name}", out / name]
    environment = os.environ | CLIENT | {"TF_CPP_MIN_LOG_LEVEL": "3"}
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def read_until(process: subprocess.Popen[str], beginning: str) -> str:
    while not (line := process.stdout.readline()).startswith(beginning):
        assert line, process.stderr.read()
    return line


def test_a_training_that_is_told_to_end_goes_on_with_the_same_run(server, datasets, tmp_path):
    first = start(datasets, tmp_path, server.uri, "--mlflow-experiment", "rooms")
    read_until(first, "train: scratch: epoch 1/")
    first.send_signal(signal.SIGTERM)
    first.communicate(timeout=300)
    assert first.returncode == 143
    [experiment] = [one for one in server.client.search_experiments() if one.name == "rooms"]
    [run] = server.client.search_runs([experiment.experiment_id])
    assert run.info.status == "KILLED"

    second = start(datasets, tmp_path, server.uri, "--mlflow-experiment", "rooms")
    said, errors = second.communicate(timeout=300)
    assert second.returncode == 0, said + errors
    [run] = server.client.search_runs([experiment.experiment_id])
    rows = json.loads((tmp_path / "history" / "history.json").read_text())["epochs"]
    points = sorted(server.client.get_metric_history(run.info.run_id, "loss"), key=lambda point: point.step)
    assert [(point.step, point.value) for point in points] == [(n, row["loss"]) for n, row in enumerate(rows, 1)]
    assert (run.info.status, run.data.params["backbone"]) == ("FINISHED", "baseline_cnn")
    assert server.files(run.info.run_id) == ["history", "model", "report.html"]
    assert server.files(run.info.run_id, "model") == ["model/model.json", "model/model.keras"]


def test_a_training_survives_its_server(server, datasets, tmp_path):
    process = start(datasets, tmp_path, server.uri, "--head-epochs", "40", "--patience", "40")
    read_until(process, "train: scratch: epoch 1/")
    server.stop()  # while some later epoch ends
    said, errors = process.communicate(timeout=300)
    assert process.returncode == 0, said + errors
    assert "Training goes on; what the server misses is sent later" in said
    assert re.search(r"train: MLflow: the run lacks epochs from \d+, model, history, report\.html\.", said)
    assert (tmp_path / "report.html").is_file()


def test_a_training_does_not_begin_without_the_server_it_is_given(datasets, tmp_path):
    process = start(datasets, tmp_path, "http://127.0.0.1:9")
    said, errors = process.communicate(timeout=300)
    assert process.returncode == 2
    assert errors.splitlines()[-1].startswith(
        "error: mlflow_tracking_uri: expected an MLflow server at http://127.0.0.1:9"
    )
    assert "epoch" not in said
    assert [path.name for path in tmp_path.iterdir()] == []
