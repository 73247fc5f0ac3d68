"""Two real worker processes train together and give the weights of one on the same global batches."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from components.formats.model import load_model
from components.ingest.image_dataset import write_image_dataset
from components.ingest.parameters import IngestParameters
from components.split.assignment import SPLITS
from components.split.parameters import SplitParameters
from components.split.split_datasets import write_split_datasets

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

TIMEOUT_S = 180
# No dropout: each replica would draw its own.
FLAGS = "--image-size-px 64 --batch-size 16 --dropout 0 --head-views 2 --head-epochs 2 --finetune-epochs 1"


@pytest.fixture(scope="module")
def datasets(sample, tmp_path_factory):
    folder = tmp_path_factory.mktemp("datasets")
    write_image_dataset(str(sample), folder / "images", IngestParameters(shorter_side_px=64))
    outputs = {split: folder / split for split in SPLITS}
    write_split_datasets(folder / "images", outputs, folder / "ledger", SplitParameters(), "2024-02-29")
    return folder


def start(datasets: Path, out: Path, tf_config: str = "") -> subprocess.Popen:
    out.mkdir()
    command = [sys.executable, "-m", "components.train", *FLAGS.split(), "--finetune-layers", "20"]
    command += ["--train", datasets / "train", "--validation", datasets / "validation"]
    command += ["--model", out / "model", "--history", out / "history"]
    environment = os.environ | {"TF_CONFIG": tf_config, "TF_CPP_MIN_LOG_LEVEL": "3"}
    with (out / "log").open("w") as log:
        return subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT)


def succeed(processes: dict[Path, subprocess.Popen]) -> None:
    """Waits for all; a failure shows the log. None outlives the call."""
    try:
        for out, process in processes.items():
            assert process.wait(timeout=TIMEOUT_S) == 0, (out / "log").read_text()
    finally:
        for process in processes.values():
            process.kill()
            process.wait()


def free_address() -> str:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{listener.getsockname()[1]}"


@pytest.fixture(scope="module")
def runs(datasets, tmp_path_factory):
    """The folder of a run by one process (`alone`) and by two (`chief`, `worker`)."""
    folder = tmp_path_factory.mktemp("runs")
    succeed({folder / "alone": start(datasets, folder / "alone")})
    cluster = {"chief": [free_address()], "worker": [free_address()]}
    configs = {task: json.dumps({"cluster": cluster, "task": {"type": task, "index": 0}}) for task in cluster}
    succeed({folder / task: start(datasets, folder / task, config) for task, config in configs.items()})
    return folder


def test_two_workers_give_the_weights_of_one(runs):
    alone, together = (load_model(runs / name / "model")[0] for name in ("alone", "chief"))
    for variable, weights, expected in zip(alone.variables, together.get_weights(), alone.get_weights(), strict=True):
        np.testing.assert_allclose(weights, expected, atol=1e-5, err_msg=variable.path)


def test_two_workers_measure_what_one_measures(runs):
    alone, together = (
        json.loads((runs / name / "history" / "history.json").read_text())["epochs"] for name in ("alone", "chief")
    )
    measured = ("phase", "epoch", "loss", "accuracy", "val_loss", "val_accuracy", "val_macro_f1", "learning_rate")
    assert len(alone) == 3
    for row, expected in zip(together, alone, strict=True):
        assert {name: row[name] for name in measured} == pytest.approx({n: expected[n] for n in measured}, abs=1e-4)


def test_only_the_chief_writes_and_speaks(runs):
    assert sorted(path.name for path in (runs / "chief").iterdir()) == ["history", "log", "model"]
    assert [path.name for path in (runs / "worker").iterdir()] == ["log"]
    assert "train: head: epoch 2/2: " in (runs / "chief" / "log").read_text()
    assert "train: " not in (runs / "worker" / "log").read_text()
