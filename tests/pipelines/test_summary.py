"""What a person reads at the end of a run."""

import io
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from components._errors import InputError
from components.evaluate.decision import decide
from components.evaluate.metrics import score
from components.evaluate.parameters import EvaluateParameters
from components.evaluate.scores import Evaluation, write_evaluation
from pipelines.local.run import RunResult
from pipelines.local.summary import print_summary

MARKUP_NAME, LONG_NAME = "[red]x[/red] :cat:", "living-room-with-a-view-" * 12


@pytest.fixture
def result(tmp_path, monkeypatch):
    """A run over three classes: all right, half right, none right; the last has no test image at all."""
    monkeypatch.chdir(tmp_path)

    def make(min_macro_f1: float, names=("kitchen", "hall", "attic"), runs="runs") -> RunResult:
        labels, predicted = np.array([0, 0, 0, 0, 1, 1, 1, 1]), [0, 0, 0, 0, 1, 1, 0, 0]
        scores = score(names, labels, np.eye(3, dtype=np.float32)[predicted])
        decision = decide(scores, EvaluateParameters(min_macro_f1=min_macro_f1, min_recall=0.1, min_support=2))
        folder = tmp_path / runs / "2026-01-31-235959"
        metrics = folder / "evaluate" / "metrics.json"
        write_evaluation(metrics, Evaluation(**scores.model_dump(), decision=decision))
        outputs = {
            "ingest": {"images": folder / "ingest" / "images", "report": folder / "ingest" / "report.html"},
            "split": {"ledger": folder / "split" / "ledger", "report": folder / "split" / "report.html"},
            "train": {"report": folder / "train" / "report.html", "tensorboard": folder / "train" / "tensorboard"},
            "evaluate": {"metrics": metrics, "report": folder / "evaluate" / "report.html"},
        }
        if decision.verdict == "bless":
            outputs["export"] = {"saved_model": folder / "export" / "saved_model", "tflite": Path("/elsewhere/tflite")}
        return RunResult(folder, outputs, 61.4)

    return make


def summary(result: RunResult, width=80, *, terminal=False) -> str:
    console = Console(file=io.StringIO(), width=width, force_terminal=terminal, color_system=None)
    print_summary(console, result)
    return console.file.getvalue()


def test_each_class_has_its_scores(result):
    rows = [line.split() for line in summary(result(0)).splitlines()[:4]]
    assert rows == [
        ["class", "images", "precision", "recall", "95", "%", "F1"],
        ["kitchen", "4", "0.67", "1.00", "0.51", "to", "1.00", "0.80"],
        ["hall", "4", "1.00", "0.50", "0.15", "to", "0.85", "0.67"],
        ["attic", "0", "-", "-", "-"],
    ]


def test_a_blessed_model_and_where_it_is(result):
    text = summary(result(0.1))
    assert "accuracy 0.750   balanced accuracy 0.750   macro-F1 0.733" in text
    assert "blessed and exported\n  Macro-F1 0.733 reaches the required 0.1.\n" in text
    places = dict(line.split("  ", 1) for line in text.splitlines() if "/" in line)
    assert {name.strip(): path.strip() for name, path in places.items()} == {
        "report": "runs/2026-01-31-235959/evaluate/report.html",
        "metrics": "runs/2026-01-31-235959/evaluate/metrics.json",
        "TensorBoard": "runs/2026-01-31-235959/train/tensorboard",
        "data report": "runs/2026-01-31-235959/ingest/report.html",
        "split report": "runs/2026-01-31-235959/split/report.html",
        "training report": "runs/2026-01-31-235959/train/report.html",
        "rejected files": "runs/2026-01-31-235959/ingest/images/rejected.jsonl",
        "ledger": "runs/2026-01-31-235959/split/ledger/ledger.parquet",
        "SavedModel": "runs/2026-01-31-235959/export/saved_model",
        "TFLite": "/elsewhere/tflite",
        "all of it": "runs/2026-01-31-235959, 61 s",
    }


def test_a_rejected_model_with_the_reason_and_no_export(result):
    text = summary(result(0.9))
    assert "reject, not exported\n  Macro-F1 0.733 is below the required 0.9.\n" in text
    assert "SavedModel" not in text
    assert "TFLite" not in text


@pytest.mark.parametrize("width", [80, 110])
def test_odd_and_long_class_names_are_shown_in_full(result, width):
    text = summary(result(0, names=(MARKUP_NAME, LONG_NAME, "attic")), width, terminal=True)
    assert f"{MARKUP_NAME} " in text
    table = text.partition("attic")[0].splitlines()
    assert "".join(line.split()[0] for line in table[2:]) == LONG_NAME
    assert all(len(line.rstrip()) <= width for line in table)


def test_paths_are_never_broken(result):
    runs = "a folder with a rather long name/" * 4
    text = summary(result(0, runs=runs), width=60, terminal=True)
    assert f"{runs}2026-01-31-235959/evaluate/report.html\n" in text


def test_metrics_of_another_version_are_refused(result):
    run = result(0)
    run.outputs["evaluate"]["metrics"].write_text("{}")
    with pytest.raises(InputError, match="expected a metrics file of format version 1"):
        summary(run)
