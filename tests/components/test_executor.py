"""What the steps tell KFP, read back by KFP's own code."""

import errno
import json
from argparse import ArgumentParser

import pytest
from google.protobuf import json_format
from kfp.local import executor_input_utils, executor_output_utils

from components._errors import InputError
from components._executor import Artifact, input_errors_as_exit_status, step_parser, write_executor_output
from components.evaluate.component import evaluate

SPEC = evaluate.pipeline_spec.components["comp-evaluate"]
FLOORS = {"min_macro_f1": 0.5, "min_recall": 0.1, "min_support": 5}


@pytest.fixture
def message(tmp_path):
    """The ExecutorInput that kfp makes for a task of evaluate."""
    return executor_input_utils.construct_executor_input(
        SPEC, FLOORS, str(tmp_path / "task"), block_input_artifact=False
    )


@pytest.fixture
def executor_input(message):
    return json_format.MessageToJson(message)


def test_kfp_reads_the_output(message, executor_input, tmp_path):
    metrics = Artifact(tmp_path / "metrics.json", {"accuracy": 0.5, "weakest": "küche", "rows": 3})
    write_executor_output(executor_input, {"metrics": metrics}, {"decision": "bless"})
    read = executor_output_utils.load_executor_output(message.outputs.output_file)
    outputs = executor_output_utils.get_outputs_from_executor_output(read, message, SPEC)
    assert outputs["metrics"].metadata == {"accuracy": 0.5, "weakest": "küche", "rows": 3}
    assert outputs["metrics"].uri == str(tmp_path / "task" / "metrics.json")
    assert outputs["decision"] == "bless"


@pytest.mark.parametrize(
    ("written", "suffix"), [("report.html", ".html"), ("report", ""), ("a.b/report.tar.gz", ".tar.gz")]
)
def test_the_suffix_of_the_file_is_added_to_the_uri(executor_input, tmp_path, written, suffix):
    write_executor_output(executor_input, {"report": Artifact(tmp_path / written)})
    output = json.loads((tmp_path / "task" / "executor_output.json").read_text())
    [entry] = output["artifacts"]["report"]["artifacts"]
    assert entry == {"name": "report", "uri": f"{tmp_path}/task/report{suffix}", "metadata": {}}
    assert output["parameterValues"] == {}


@pytest.mark.parametrize(
    "text", ["{", "[]", "null", "{}", '{"outputs": {}}', '{"outputs": {"outputFile": 1, "artifacts": {}}}', "{{$}}"]
)
def test_anything_but_an_executor_input_is_refused(text, tmp_path):
    with pytest.raises(InputError, match=r"--executor-input: expected KFP's ExecutorInput .* Leave the flag away"):
        write_executor_output(text, {"report": Artifact(tmp_path / "report")})


def test_an_artifact_that_was_not_declared_is_refused(executor_input, tmp_path):
    with pytest.raises(InputError, match=r"an entry for each of \['curves'\]"):
        write_executor_output(executor_input, {"curves": Artifact(tmp_path / "curves")})
    assert list(tmp_path.iterdir()) == []


def test_without_executor_input_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_executor_output("", {"report": Artifact(tmp_path / "report")})
    assert list(tmp_path.iterdir()) == []


def test_an_input_error_is_one_message_and_status_2(capsys):
    with pytest.raises(SystemExit) as exit_, input_errors_as_exit_status():
        raise InputError("expected a, received b")
    assert exit_.value.code == 2
    assert capsys.readouterr() == ("", "error: expected a, received b\n")


def test_lines_of_a_message_stay_and_what_else_steers_a_terminal_is_shown(capsys):
    with pytest.raises(SystemExit), input_errors_as_exit_status():
        raise InputError("found küche:\n\ta \x1b[31mred\r\u202e")
    assert capsys.readouterr().err == "error: found küche:\n\ta \\x1b[31mred\\r\\u202e\n"


def test_a_full_disk_is_one_message_and_status_2(capsys):
    with pytest.raises(SystemExit) as exit_, input_errors_as_exit_status():
        raise OSError(errno.ENOSPC, "No space left on device", "run/images/spool")
    assert exit_.value.code == 2
    assert "found the disk full while writing run/images/spool" in capsys.readouterr().err


def test_a_bug_keeps_its_stack_trace():
    with pytest.raises(ValueError, match="a bug"), input_errors_as_exit_status():
        raise ValueError("a bug")


def test_the_parser_of_a_step_shows_its_example_as_it_stands():
    parser = step_parser("split", "Splits.", "  python -m components.split \\\n      --images images")
    assert isinstance(parser, ArgumentParser)
    assert "usage: python -m components.split " in parser.format_help()
    assert parser.format_help().endswith("example:\n  python -m components.split \\\n      --images images\n")
    assert parser.parse_args([]).executor_input == ""
