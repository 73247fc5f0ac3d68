"""Predictions as CSV, and the confident mistakes among them."""

import csv

import numpy as np
import pytest

from components.evaluate.predictions import Predictions, write_predictions

PREDICTIONS = Predictions(
    class_names=('a "quoted", name', "b"),
    ids=("id0", "id1", "id2", "id3"),
    labels=np.array([0, 0, 1, 1]),
    probabilities=np.array([[0.9, 0.1], [0.25, 0.75], [0.5, 0.5], [0.999999, 0.000001]], np.float32),
)


def test_csv_reads_back_and_has_a_column_per_class(tmp_path):
    write_predictions(tmp_path / "predictions.csv", PREDICTIONS)
    with (tmp_path / "predictions.csv").open(newline="", encoding="utf-8") as stream:
        header, *rows = csv.reader(stream, strict=True)
    assert header == ["image_id", "true_label", "predicted_label", 'p_a "quoted", name', "p_b"]
    assert rows[1] == ["id1", 'a "quoted", name', "b", "0.25", "0.75"]
    assert rows[3][3:] == ["0.999999", "1e-06"]


def test_csv_follows_rfc_4180(tmp_path):
    write_predictions(tmp_path / "predictions.csv", PREDICTIONS)
    text = (tmp_path / "predictions.csv").read_bytes()
    assert text.endswith(b"\r\n")
    assert b'"a ""quoted"", name"' in text


@pytest.mark.parametrize(("limit", "positions"), [(5, (3, 1, 2)), (2, (3, 1)), (0, ())])
def test_confident_mistakes_come_by_falling_probability(limit, positions):
    assert PREDICTIONS.confident_mistakes(limit) == positions
