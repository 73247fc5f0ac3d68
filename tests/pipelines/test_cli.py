"""The command line: help, and errors as people see them."""

import subprocess
import sys

import pytest

COMMANDS = [["run"], ["sample"], ["parameters"], ["presets"], ["compile"], ["images", "build"]]


def scenery(*arguments, cwd):
    command = [sys.executable, "-m", "pipelines.cli", *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help_shows_an_example(command, tmp_path):
    result = scenery(*command, "--help", cwd=tmp_path)
    assert result.returncode == 0
    assert f"scenery {' '.join(command)}" in result.stdout


def test_missing_data_is_named_with_brackets_and_all(tmp_path):
    result = scenery("run", "--data", "no [bold]such[/bold] folder", cwd=tmp_path)
    assert result.returncode == 2
    assert "found nothing at no [bold]such[/bold] folder" in result.stderr
    assert "Traceback" not in result.stderr


def test_unknown_option_and_missing_option_are_usage_errors(tmp_path):
    unknown = scenery("run", "--dta", "x", cwd=tmp_path)
    assert unknown.returncode == 2
    assert "--dta" in unknown.stderr
    assert "Traceback" not in unknown.stderr
    assert scenery("run", cwd=tmp_path).returncode == 2


def test_parameters_lists_ranges(tmp_path):
    told = scenery("parameters", cwd=tmp_path).stdout
    assert "min_macro_f1" in told
    assert "[0, 1]" in told


def test_sample_does_not_overwrite_somebody_elses_folder(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    result = scenery("sample", str(tmp_path), "--images", "36", cwd=tmp_path)
    assert result.returncode == 2
    assert "mine.txt" in result.stderr
    assert (tmp_path / "mine.txt").read_text() == "mine"


def test_unknown_component_is_refused_before_docker_is_asked(tmp_path):
    result = scenery("images", "build", "--component", "trian", cwd=tmp_path)
    assert result.returncode == 2
    assert "ingest, split, train, evaluate, export" in " ".join(result.stderr.split())
