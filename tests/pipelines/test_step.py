"""A step's command, log, outputs, and the reason it failed."""

import json

import pytest

from pipelines.local.step import ERROR_TAIL_LINES, Step, reason_for_failure


class Seen:
    """Keeps what a person would be shown."""

    def __init__(self):
        self.lines = []

    def said(self, step, line):
        self.lines.append((step, line))


@pytest.fixture
def step(tmp_path):
    return Step("train", (), tmp_path)


def test_name_and_folder_come_from_the_executor_input(tmp_path):
    executor_input = json.dumps({"outputs": {"outputFile": str(tmp_path / "run 1" / "train" / "executor_output.json")}})
    command = ["python", "-m", "components.train", "--seed", "0", "--executor-input", executor_input]
    step = Step.of(command)
    assert (step.name, step.folder, step.command) == ("train", tmp_path / "run 1" / "train", tuple(command))
    assert step.executor_output == tmp_path / "run 1" / "train" / "executor_output.json"


def test_a_person_sees_the_steps_own_lines_and_the_log_holds_all(step):
    seen = Seen()
    lines = ["train: epoch 1\n", "a library's warning\n", "training: of another kind\n", "train: épuisé [bold]\n"]
    tail = step.follow(lines, seen)
    assert seen.lines == [("train", "epoch 1"), ("train", "épuisé [bold]")]
    assert step.log.read_text(encoding="utf-8") == "".join(lines)
    assert tail == [line.rstrip() for line in lines]


def test_the_log_is_complete_while_the_step_still_runs(step):
    def lines():
        yield "train: first\n"
        assert step.log.read_text() == "train: first\n"
        yield "train: second\n"

    step.follow(lines(), Seen())
    assert step.log.read_text() == "train: first\ntrain: second\n"


def test_only_the_last_lines_are_kept_for_the_error(step):
    tail = step.follow((f"{number}\n" for number in range(1000)), Seen())
    assert tail == [str(number) for number in range(1000 - ERROR_TAIL_LINES, 1000)]


def test_outputs_are_paths_and_values(step):
    written = {
        "artifacts": {"model": {"artifacts": [{"name": "model", "uri": "/runs/1/train/model", "metadata": {}}]}},
        "parameterValues": {"decision": "bless"},
    }
    step.executor_output.write_text(json.dumps(written))
    outputs = step.outputs()
    assert str(outputs.pop("model")) == "/runs/1/train/model"
    assert outputs == {"decision": "bless"}


@pytest.mark.parametrize(
    ("tail", "exit_status", "reason"),
    [
        (["train: 1", "error: too few images", "  kitchen: 2"], 2, "too few images\n  kitchen: 2"),
        (["error: first", "error: second"], 2, "second"),
        (["Traceback (most recent call last):", "ValueError: no", "", " "], 1, "ValueError: no (exit status 1)"),
        ([], 3, "it printed nothing (exit status 3)"),
        (["train: done"], 0, "train: done (exit status 0)"),
    ],
)
def test_reason_is_what_the_step_said_last(tail, exit_status, reason):
    assert reason_for_failure(tail, exit_status) == reason


@pytest.mark.parametrize("exit_status", [-9, 137])
def test_a_killed_step_is_told_about_memory(exit_status):
    assert "lack of memory" in reason_for_failure(["train: epoch 1"], exit_status)
