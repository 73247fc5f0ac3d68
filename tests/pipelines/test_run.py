"""How a run is set up on top of kfp.local, and what its end says."""

import io
from pathlib import Path

import numpy as np
import pytest
from kfp.local.io import IOStore
from rich.console import Console

from components.evaluate.decision import decide
from components.evaluate.metrics import score
from components.evaluate.parameters import EvaluateParameters
from components.evaluate.scores import Evaluation, write_evaluation
from pipelines.local.run import RunResult, _new_folder, _point_latest_to, _value_of_channel
from pipelines.local.summary import print_summary


def test_every_run_gets_a_folder_of_its_own(tmp_path):
    folders = [_new_folder(tmp_path / "runs") for _ in range(3)]
    assert len(set(folders)) == 3
    assert all(folder.is_dir() for folder in folders)


def test_latest_points_to_the_last_run(tmp_path):
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        _point_latest_to(tmp_path / name)
    assert (tmp_path / "latest").resolve() == tmp_path / "second"
    assert {path.name for path in tmp_path.iterdir()} == {"first", "second", "latest"}


def test_condition_reads_an_output_by_its_name():
    outputs = IOStore()
    outputs.put_task_output("evaluate", "decision", "bless")
    outputs.put_task_output("evaluate-2", "decision", "reject")
    assert _value_of_channel("pipelinechannel--evaluate-decision", outputs) == "bless"
    assert _value_of_channel("pipelinechannel--evaluate-2-decision", outputs) == "reject"
    with pytest.raises(ValueError, match="no task has the output"):
        _value_of_channel("pipelinechannel--evaluate-verdict", outputs)


def summary_of(folder: Path, class_names: list[str], *, exported: bool, min_macro_f1: float) -> str:
    labels = np.array([0, 0, 1, 1])
    probabilities = np.array([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [0.6, 0.4]], np.float32)
    scores = score(class_names, labels, probabilities)
    floors = EvaluateParameters(min_macro_f1=min_macro_f1, min_recall=0, min_support=1)
    write_evaluation(folder / "metrics.json", Evaluation(**dict(scores), decision=decide(scores, floors)))
    outputs = {
        "ingest": {"images": folder / "images"},
        "split": {"ledger": folder / "ledger"},
        "train": {"history": folder / "history"},
        "evaluate": {"metrics": folder / "metrics.json", "report": folder / "report.html"},
    }
    if exported:
        outputs["export"] = {"saved_model": folder / "saved_model", "tflite": folder / "tflite"}
    console = Console(file=io.StringIO(), width=100)
    print_summary(console, RunResult(folder, outputs, 12.3))
    return console.file.getvalue()


def test_summary_of_a_blessed_model_tells_where_it_is(tmp_path):
    told = summary_of(tmp_path, ["sea", "wood"], exported=True, min_macro_f1=0.5)
    assert "blessed and exported" in told
    assert str(tmp_path / "saved_model") in told
    assert str(tmp_path / "report.html") in told


def test_summary_of_a_rejected_model_says_why(tmp_path):
    told = summary_of(tmp_path, ["sea", "wood"], exported=False, min_macro_f1=0.99)
    assert "reject, not exported" in told
    assert "0.99" in told
    assert "saved_model" not in told


def test_summary_shows_class_names_literally(tmp_path):
    told = summary_of(tmp_path, ["[red]sea[/red]", "<script>"], exported=False, min_macro_f1=0)
    assert "[red]sea[/red]" in told
    assert "<script>" in told
