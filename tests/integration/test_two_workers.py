"""Two real worker processes train together and give the weights of one on the same global batches."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from components.formats.model import load_model
from components.train.local_workers import _shares_of_cores
from tests.signals import take_signals

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

TIMEOUT_S = 180
# No dropout: each replica would draw its own. A seed at which no activation lies within rounding of where ReLU6 bends:
# there the last bit decides whether Adam takes a whole step, with one worker as with two.
FLAGS = "--image-size-px 64 --batch-size 16 --dropout 0 --head-views 2 --head-epochs 2 --finetune-epochs 1"
FLAGS += " --checkpoint-minutes 0.0001 --seed 1"
OUTPUTS = ["history", "log", "model", "report.html", "tensorboard"]
LONG_BY_TWO = ("--workers", "2", "--head-epochs", "300", "--patience", "300")  # still under way when it is told to end


def start(datasets: Path, out: Path, tf_config: str = "", flags: tuple[str, ...] = ()) -> subprocess.Popen:
    out.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "components.train", *FLAGS.split(), "--finetune-layers", "20", *flags]
    command += ["--train", datasets / "train", "--validation", datasets / "validation"]
    command += ["--model", out / "model", "--history", out / "history"]
    command += ["--report", out / "report", "--tensorboard", out / "tensorboard"]
    environment = os.environ | {"TF_CONFIG": tf_config, "TF_CPP_MIN_LOG_LEVEL": "3"}
    with (out / "log").open("a") as log:
        # PLW1509: what runs before the program only sets signals, which no thread can disturb.
        return subprocess.Popen(command, env=environment, stdout=log, stderr=log, preexec_fn=take_signals)  # noqa: PLW1509


def start_two(datasets: Path, folder: Path) -> dict[Path, subprocess.Popen]:
    """Starts a chief and a worker; each writes into a folder of its name.

    Each has its share of the cores, as the step's own workers: how many there are decides what is added up first.
    """
    cluster = {"chief": [free_address()], "worker": [free_address()]}
    configs = {task: json.dumps({"cluster": cluster, "task": {"type": task, "index": 0}}) for task in cluster}
    processes = {folder / task: start(datasets, folder / task, config) for task, config in configs.items()}
    shares = _shares_of_cores(sorted(os.sched_getaffinity(0)), len(processes))
    for process, cores in zip(processes.values(), shares, strict=True):
        os.sched_setaffinity(process.pid, cores)
    return processes


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
    """The folder of a run by one process (`alone`) and by two that it starts itself (`together`)."""
    folder = tmp_path_factory.mktemp("runs")
    succeed({folder / "alone": start(datasets, folder / "alone")})
    succeed({folder / "together": start(datasets, folder / "together", flags=("--workers", "2"))})
    return folder


def test_two_workers_give_the_weights_of_one(runs):
    alone, together = (load_model(runs / name / "model")[0] for name in ("alone", "together"))
    for variable, weights, expected in zip(alone.variables, together.get_weights(), alone.get_weights(), strict=True):
        np.testing.assert_allclose(weights, expected, atol=1e-5, err_msg=variable.path)


def test_two_workers_measure_what_one_measures(runs):
    alone, together = (
        json.loads((runs / name / "history" / "history.json").read_text())["epochs"] for name in ("alone", "together")
    )
    measured = ("phase", "epoch", "loss", "accuracy", "val_loss", "val_accuracy", "val_macro_f1", "learning_rate")
    assert len(alone) == 3
    for row, expected in zip(together, alone, strict=True):
        assert {name: row[name] for name in measured} == pytest.approx({n: expected[n] for n in measured}, abs=1e-4)


def test_two_workers_of_one_machine_write_and_speak_once(runs):
    assert sorted(path.name for path in (runs / "together").iterdir()) == OUTPUTS
    said = (runs / "together" / "log").read_text()
    assert said.startswith("train: 2 workers on this machine, with ")
    assert said.count("train: head: epoch 2/2: ") == said.count("train: best epoch: ") == 1


@pytest.fixture(scope="module")
def interrupted(datasets, tmp_path_factory):
    """The folder of two processes, the second of which was killed after some checkpoints; and the first's end."""
    folder = tmp_path_factory.mktemp("interrupted")
    processes = start_two(datasets, folder)
    chief, worker = processes.values()
    wait_for_checkpoint_of(folder / "chief", "finetune", chief)
    worker.kill()
    worker.wait()
    killed_s = time.monotonic()
    chief.wait(timeout=60)
    return folder, chief.returncode, time.monotonic() - killed_s


def wait_for_checkpoint_of(out: Path, phase: str, process: subprocess.Popen) -> None:
    """Waits until a process has kept one in the middle of an epoch of a phase."""
    while process.poll() is None:
        for file in out.glob(".model.checkpoints/*/state.npz"):
            with np.load(file) as archive:
                facts = json.loads(archive["facts"].item())
            if facts["phase"] == phase and facts["progress"]["step"]:
                return
        time.sleep(0.01)
    raise AssertionError((out / "log").read_text())


def test_a_lost_worker_ends_the_others_who_say_which_and_why(interrupted):
    folder, status, seconds = interrupted
    last_line = (folder / "chief" / "log").read_text().splitlines()[-1]
    assert status == 138
    assert seconds < 60
    assert re.match(
        r"error: expected 2 workers to train together, lost worker 1 \(127\.0\.0\.1:\d+\) \(.+\)", last_line
    )


def test_a_lost_chief_ends_the_others_too(datasets, tmp_path):
    chief, worker = (processes := start_two(datasets, tmp_path)).values()
    try:
        wait_for_checkpoint_of(tmp_path / "chief", "finetune", chief)
        chief.kill()
        assert worker.wait(timeout=60) == 138
    finally:
        for process in processes.values():
            process.kill()
            process.wait()
    last_line = (tmp_path / "worker" / "log").read_text().splitlines()[-1]
    assert re.match(r"error: expected 2 workers to train together, lost chief 0 \(127\.0\.0\.1:\d+\) \(.+\)", last_line)


def test_two_workers_go_on_from_the_chiefs_checkpoint_with_the_same_bits(interrupted, datasets, runs):
    folder = interrupted[0]
    assert not list((folder / "worker").glob(".*"))  # only the chief keeps checkpoints
    succeed(start_two(datasets, folder))
    assert "train: going on from a checkpoint: finetune, epoch 1, after " in (folder / "chief" / "log").read_text()
    resumed, undisturbed = (load_model(of / "model")[0] for of in (folder / "chief", runs / "together"))
    for weights, expected in zip(resumed.get_weights(), undisturbed.get_weights(), strict=True):
        np.testing.assert_array_equal(weights, expected)


def test_only_the_chief_has_written_and_spoken(interrupted):
    folder = interrupted[0]
    assert sorted(path.name for path in (folder / "chief").iterdir()) == OUTPUTS
    assert [path.name for path in (folder / "worker").iterdir()] == ["log"]
    assert "train: " not in (folder / "worker" / "log").read_text()


def test_workers_of_one_machine_end_together(datasets, tmp_path):
    """As `--workers 2` starts them: told to end, the chief keeps a checkpoint and no process is left."""
    process = start(datasets, tmp_path / "out", flags=LONG_BY_TWO)
    try:
        wait_for_checkpoint_of(tmp_path / "out", "head", process)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=TIMEOUT_S) == 130
        assert not processes_that_mention(tmp_path)
    finally:
        process.kill()


def test_workers_of_one_machine_end_with_who_started_them(datasets, tmp_path):
    """Killed, it can't end them; they notice, and the chief keeps a checkpoint."""
    process = start(datasets, tmp_path / "out", flags=LONG_BY_TWO)
    wait_for_checkpoint_of(tmp_path / "out", "head", process)
    process.kill()
    process.wait()
    deadline_s = time.monotonic() + 60
    while processes_that_mention(tmp_path) and time.monotonic() < deadline_s:
        time.sleep(0.1)
    assert not processes_that_mention(tmp_path)
    assert "told to end (SIGTERM). A checkpoint of the last step has been kept" in (tmp_path / "out/log").read_text()


def processes_that_mention(folder: Path) -> list[str]:
    found = []
    for command in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it ended meanwhile
            found += [str(command)] * (str(folder).encode() in command.read_bytes())
    return found
