"""One step of a run: what is logged, what is shown, and what is said of a failure."""

import json
from pathlib import Path

import pytest

from pipelines.local.step import Step, reason_for_failure


class Listener:
    def __init__(self):
        self.lines = []

    def said(self, step, line):
        self.lines.append((step, line))


@pytest.fixture
def step(tmp_path) -> Step:
    executor_input = {"outputs": {"outputFile": str(tmp_path / "train/executor_output.json")}}
    (tmp_path / "train").mkdir()
    return Step.of(["python", "-m", "components.train", "--executor-input", json.dumps(executor_input)])


def test_name_and_folder_come_from_the_executor_input(step, tmp_path):
    assert (step.name, step.folder) == ("train", tmp_path / "train")
    assert step.command[:3] == ("python", "-m", "components.train")


def test_everything_is_logged_and_only_the_steps_own_lines_are_shown(step):
    listener = Listener()
    tail = step.follow(["noise\n", "train: epoch 1\n", "trainer: no\n", "train: epoch 2 ü\n"], listener)
    assert listener.lines == [("train", "epoch 1"), ("train", "epoch 2 ü")]
    assert step.log.read_text(encoding="utf-8") == "noise\ntrain: epoch 1\ntrainer: no\ntrain: epoch 2 ü\n"
    assert tail == ["noise", "train: epoch 1", "trainer: no", "train: epoch 2 ü"]


def test_outputs_are_paths_and_values(step):
    written = {
        "artifacts": {"model": {"artifacts": [{"name": "model", "uri": "/runs/1/train/model", "metadata": {}}]}},
        "parameterValues": {"decision": "bless"},
    }
    step.executor_output.write_text(json.dumps(written))
    assert step.outputs() == {"model": Path("/runs/1/train/model"), "decision": "bless"}


@pytest.mark.parametrize(
    ("tail", "exit_status", "reason"),
    [
        (["ingest: 1 of 2", "error: --source x: expected", "  more of it"], 2, "--source x: expected\n  more of it"),
        (
            ["Traceback", '  File "a.py"', "ValueError: shapes differ", ""],
            1,
            "ValueError: shapes differ (exit status 1)",
        ),
        ([], 3, "it printed nothing (exit status 3)"),
    ],
)
def test_failure_is_told_in_the_steps_own_words(tail, exit_status, reason):
    assert reason_for_failure(tail, exit_status) == reason


@pytest.mark.parametrize("exit_status", [-9, 137])
def test_killed_step_is_told_to_use_less_memory(exit_status):
    assert "too little memory" in reason_for_failure(["train: step 3"], exit_status)
