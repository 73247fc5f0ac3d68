"""The real step from end to end, on a model whose answers are known: it reads the colour of an image."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from components._errors import InputError
from components.evaluate.inference import predict
from components.evaluate.mistakes import thumbnails
from components.evaluate.scores import read_evaluation
from components.formats.dataset import ENCODED, ID, LABEL, TEXT, write_dataset
from components.formats.model import ModelSpec, save_model

CLASSES = ("red", "green", "blue")
# (label, colour that is shown): the fourth image is red by its label, and green to every eye.
SHOWN = [(0, 0), (0, 0), (0, 0), (0, 1), (1, 1), (1, 1), (2, 2), (2, 2)]
SIZE_PX = 32


def example(position: int, label: int, shown: int) -> bytes:
    pixels = np.zeros([40, 60, 3], np.uint8)
    pixels[..., shown] = 255
    features = {
        ENCODED: tf.io.encode_jpeg(pixels).numpy(),
        TEXT: CLASSES[label].encode(),
        ID: f"{position:064x}".encode(),
    }
    feature = {k: tf.train.Feature(bytes_list=tf.train.BytesList(value=[v])) for k, v in features.items()}
    feature[LABEL] = tf.train.Feature(int64_list=tf.train.Int64List(value=[label]))
    return tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString()


def make_dataset(folder: Path, class_names=CLASSES, shown=SHOWN) -> Path:
    """Writes the images into two shards."""
    folder.mkdir()
    examples = [example(position, *pair) for position, pair in enumerate(shown)]
    shards = {"0.tfrecord": examples[:5], "1.tfrecord": examples[5:]}
    for name, rows in shards.items():
        with tf.io.TFRecordWriter(str(folder / name)) as writer:
            for row in rows:
                writer.write(row)
    labels = [label for label, _ in shown]
    counts = {name: labels.count(label) for label, name in enumerate(class_names)}
    write_dataset(folder, "examples", counts, {name: len(rows) for name, rows in shards.items()}, 256)
    return folder


def make_model(folder: Path, scale: float = 8.0) -> Path:
    """Writes a model whose logits are `scale` times the mean of each colour channel in [0, 1]."""
    folder.mkdir()
    images = keras.Input((SIZE_PX, SIZE_PX, 3), dtype="uint8")
    means = keras.layers.GlobalAveragePooling2D()(keras.layers.Rescaling(1 / 255)(images))
    model = keras.Model(images, keras.layers.Dense(3, use_bias=False)(means))
    model.layers[-1].set_weights([scale * np.eye(3)])
    spec = ModelSpec(class_names=CLASSES, image_size_px=SIZE_PX, shorter_side_px=SIZE_PX, backbone="colour")
    save_model(folder, model, spec)
    return folder


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return make_model(tmp_path_factory.mktemp("model") / "model")


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return make_dataset(tmp_path_factory.mktemp("test") / "test")


@pytest.fixture(scope="module")
def run(model, dataset, tmp_path_factory):
    """Runs the step as KFP does: declared paths without suffix, in folders that do not exist."""
    folder = tmp_path_factory.mktemp("run")
    names = ("metrics", "confusion", "predictions", "report")
    executor_input = {
        "outputs": {
            "artifacts": {n: {"artifacts": [{"name": n, "uri": f"gs://bucket/{n}/{n}"}]} for n in names},
            "parameters": {"decision": {"outputFile": f"{folder}/decision/Output"}},
            "outputFile": f"{folder}/executor_output.json",
        }
    }
    command = [sys.executable, "-m", "components.evaluate"]
    command += ["--model", model, "--test", dataset, "--decision", folder / "decision" / "Output"]
    command += [word for n in names for word in (f"--{n}", folder / n / n)]
    command += ["--min-macro-f1", "0.8", "--min-recall", "0.5", "--min-support", "3", "--batch-size", "3"]
    command += ["--executor-input", json.dumps(executor_input)]
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    return folder, done.stdout


def test_metrics_file_holds_scores_and_decision(run):
    folder, _ = run
    evaluation = read_evaluation(folder / "metrics" / "metrics.json")
    assert evaluation.class_names == CLASSES
    assert evaluation.confusion == ((3, 1, 0), (0, 2, 0), (0, 0, 2))
    assert evaluation.summary.accuracy == 7 / 8
    assert [row.recall for row in evaluation.per_class] == [0.75, 1, 1]
    assert evaluation.decision.unheld == ("green", "blue")
    assert (folder / "decision" / "Output").read_bytes() == b"bless"


def test_metrics_file_is_strict_json(run):
    def refuse(constant):
        raise AssertionError(constant)

    content = json.loads((run[0] / "metrics" / "metrics.json").read_text(), parse_constant=refuse)
    assert content["format_version"] == 1
    assert content["rows"] == 8


def test_executor_output_declares_every_artifact(run):
    output = json.loads((run[0] / "executor_output.json").read_text())
    artifacts = {name: entry["artifacts"][0] for name, entry in output["artifacts"].items()}
    assert {name: artifact["uri"] for name, artifact in artifacts.items()} == {
        "metrics": "gs://bucket/metrics/metrics.json",
        "confusion": "gs://bucket/confusion/confusion.json",
        "predictions": "gs://bucket/predictions/predictions.csv",
        "report": "gs://bucket/report/report.html",
    }
    assert output["parameterValues"] == {"decision": "bless"}
    numbers = artifacts["metrics"]["metadata"]
    assert numbers["accuracy"] == 7 / 8
    assert numbers["test_images"] == 8
    assert "top_3_accuracy" not in numbers  # undefined with 3 classes
    assert artifacts["confusion"]["metadata"] == json.loads((run[0] / "confusion" / "confusion.json").read_text())


def test_predictions_file_has_a_row_per_image_in_order(run):
    with (run[0] / "predictions" / "predictions.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["image_id"] for row in rows] == [f"{position:064x}" for position in range(8)]
    assert (rows[3]["true_label"], rows[3]["predicted_label"]) == ("red", "green")
    sure = np.exp(8) / (np.exp(8) + 2)
    assert float(rows[0]["p_red"]) == pytest.approx(sure, abs=1e-4)


def test_report_shows_the_mistake(run):
    html = (run[0] / "report" / "report.html").read_text()
    assert html.count("data:image/jpeg;base64,") == 1
    assert 'alt="red taken for green"' in html


def test_stdout_tells_progress_classes_and_verdict(run):
    lines = run[1].splitlines()
    assert lines[0].startswith("evaluate: 8 of 8 images in ")
    assert lines[-1] == "evaluate: decision: bless"
    assert any(line.split()[1:4] == ["red", "4", "1.00"] for line in lines)


def test_predictions_do_not_depend_on_the_batch_size(model, dataset):
    one, many = (predict(model, dataset, size, lambda _: None) for size in (1, 64))
    assert one.ids == many.ids
    np.testing.assert_array_equal(one.labels, [label for label, _ in SHOWN])
    np.testing.assert_allclose(one.probabilities, many.probabilities, atol=1e-6)


def test_thumbnails_keep_proportions_and_order(dataset):
    green, red = (tf.io.decode_jpeg(jpeg) for jpeg in thumbnails(dataset, [5, 0]))
    assert green.shape == red.shape == (160, 240, 3)
    assert (np.argmax(np.mean(green, (0, 1))), np.argmax(np.mean(red, (0, 1)))) == (1, 0)


def test_classes_of_another_run_are_refused(model, tmp_path):
    other = make_dataset(tmp_path / "other", class_names=("red", "blue", "green"))
    with pytest.raises(InputError, match="expected the class names"):
        predict(model, other, 64, lambda _: None)


def test_an_empty_test_set_is_refused(model, tmp_path):
    with pytest.raises(InputError, match="expected test images, found none"):
        predict(model, make_dataset(tmp_path / "empty", shown=[]), 64, lambda _: None)


def test_outputs_that_are_not_finite_are_refused(dataset, tmp_path):
    with pytest.raises(InputError, match="received NaN or infinity for 8 of 8 test images"):
        predict(make_model(tmp_path / "diverged", scale=np.nan), dataset, 64, lambda _: None)


def test_batch_size_out_of_range(model, dataset):
    with pytest.raises(InputError, match=r"--batch-size: expected 1 image or more\. Received: 0"):
        predict(model, dataset, 0, lambda _: None)


def test_flags_are_read_without_tensorflow():
    code = "import sys, components.evaluate.__main__ as step; step.parser(); sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
