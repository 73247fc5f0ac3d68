"""Training that is killed at any instant, and run again, ends with the bits of one that nobody disturbed."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from components.formats.model import load_model

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

# A checkpoint after every step: the killed process is in the middle of an epoch, of writing, or of anything else.
FLAGS = {"--image-size-px": 32, "--batch-size": 4, "--head-epochs": 2, "--finetune-epochs": 2}
FLAGS |= {"--checkpoint-minutes": 1e-5}
FROM_SCRATCH = {"--backbone": "baseline_cnn", "--head-schedule": "plateau", "--augmentation": "light"}
FROM_SCRATCH |= {"--mixup-alpha": 0.2}
PRETRAINED = {"--finetune-layers": 4, "--head-views": 2, "--imbalance": "balanced_sampling"}
ENDLESS = {"--finetune-epochs": 1000, "--patience": 1000}
TOLD = 4
KILLS = 2
TIMINGS = ("seconds", "images_per_s")


def start(datasets: Path, out: Path, flags: dict[str, object]) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "components.train"]
    command += [str(word) for pair in (FLAGS | flags).items() for word in pair]
    command += ["--train", datasets / "train", "--validation", datasets / "validation"]
    command += ["--model", out / "model", "--history", out / "history"]
    command += ["--report", out / "report", "--tensorboard", out / "tensorboard"]
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"}
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, pipesize=1 << 20
    )


def finish(process: subprocess.Popen[str]) -> str:
    """Returns what it said."""
    said, errors = process.communicate(timeout=120)
    assert process.returncode == 0, said + errors
    return said


def outcome(out: Path) -> tuple[list[np.ndarray], list[dict]]:
    """Returns the weights, and the history without its timings."""
    rows = json.loads((out / "history" / "history.json").read_text())["epochs"]
    measured = [{name: value for name, value in row.items() if name not in TIMINGS} for row in rows]
    return load_model(out / "model")[0].get_weights(), measured


def check_same(one: Path, other: Path) -> None:
    (weights, rows), (expected, expected_rows) = outcome(one), outcome(other)
    assert rows == expected_rows
    for mine, theirs in zip(weights, expected, strict=True):
        np.testing.assert_array_equal(mine, theirs)


def kill_in_training(process: subprocess.Popen[str], out: Path, instants: random.Random) -> None:
    """Waits for some more checkpoints than there are, and a moment."""
    checkpoints = out / ".model.checkpoints"
    left, seen = instants.randrange(2, 12), changed_ns(checkpoints)
    while left and process.poll() is None:
        if (now := changed_ns(checkpoints)) != seen:
            left, seen = left - 1, now
        time.sleep(0.001)
    time.sleep(instants.uniform(0, 0.05))
    process.kill()


def changed_ns(checkpoints: Path) -> int:
    return max((file.stat().st_mtime_ns for file in checkpoints.glob("*/state.npz")), default=0)


def test_a_run_that_is_stopped_in_training_goes_on_when_it_is_repeated(sample, tmp_path, request):
    in_foreground = request.getfixturevalue("start")
    command = [sys.executable, "-m", "pipelines.cli", "run", "--data", sample, "--cache"]
    settings = {"image_size_px": 32, "head_epochs": 1, "finetune_epochs": 40, "checkpoint_minutes": 1e-5}
    settings |= {"weights": "none", "backbone": "baseline_cnn", "min_macro_f1": 0, "min_recall": 0}
    command += [word for name, value in settings.items() for word in ("--set", f"{name}={value}")]
    checkpoints = tmp_path / "runs" / ".checkpoints"
    stopped = in_foreground(command, tmp_path)
    while not changed_ns(checkpoints):
        assert stopped.poll() is None, stopped.communicate()
        time.sleep(0.05)
    stopped.send_signal(signal.SIGINT)
    said, errors = stopped.communicate(timeout=60)
    assert stopped.returncode == 130, said + errors
    again = in_foreground(command, tmp_path)
    said, errors = again.communicate(timeout=200)
    assert again.returncode == 0, said + errors
    assert "train | going on from a checkpoint: " in said
    assert not checkpoints.exists()


@pytest.mark.parametrize("flags", [FROM_SCRATCH, PRETRAINED], ids=["from scratch", "pretrained"])
def test_killed_at_any_instant_it_ends_with_the_same_bits(flags, datasets, tmp_path):
    undisturbed = start(datasets, tmp_path / "undisturbed", flags)
    disturbed, instants = tmp_path / "disturbed", random.Random(1)
    for _ in range(KILLS):
        process = start(datasets, disturbed, flags)
        kill_in_training(process, disturbed, instants)
        process.communicate()
        assert process.returncode == -signal.SIGKILL
    assert "train: going on from a checkpoint: " in finish(start(datasets, disturbed, flags))
    finish(undisturbed)
    check_same(disturbed, tmp_path / "undisturbed")
    assert sorted(path.name for path in disturbed.iterdir()) == ["history", "model", "report.html", "tensorboard"]


def test_told_to_end_it_keeps_the_last_step_says_so_and_ends_with_the_same_bits(datasets, tmp_path):
    flags = FROM_SCRATCH | {"--checkpoint-minutes": 60, "--head-epochs": 30, "--finetune-epochs": 0}
    undisturbed = start(datasets, tmp_path / "undisturbed", flags)
    told = tmp_path / "told"
    process = start(datasets, told, flags)
    while not (line := process.stdout.readline()).startswith("train: scratch: epoch 1/"):
        assert line, process.stderr.read()
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 143
    assert errors.splitlines()[-1] == (
        "train: told to end (SIGTERM). A checkpoint of the last step has been kept. "
        "Run the same command again to go on."
    )
    assert "state.npz" in [path.name for path in told.glob(".model.checkpoints/*/*")]
    assert "train: going on from a checkpoint: scratch, " in finish(start(datasets, told, flags))
    finish(undisturbed)
    check_same(told, tmp_path / "undisturbed")


def test_told_to_end_while_it_gets_ready_it_ends_with_the_same_status(datasets, tmp_path):
    """TensorFlow traces then, and would make another error of what is raised in its midst."""
    instants = random.Random(2)
    for attempt in range(TOLD):
        process = start(datasets, tmp_path / str(attempt), PRETRAINED | ENDLESS)
        try:
            while not (line := process.stdout.readline()).startswith("train: "):
                assert line, process.stderr.read()
            time.sleep(instants.uniform(0, 3))
            process.send_signal(signal.SIGTERM)
            said, errors = process.communicate(timeout=60)
        finally:
            process.kill()
        assert process.returncode == 143, said + errors
        assert errors.count("train: told to end (SIGTERM). ") == 1
        assert "Traceback" not in errors
