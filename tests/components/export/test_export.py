"""The real step from end to end, on a model whose answers are known: it finds the bright quarter of an image."""

import hashlib
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from PIL import Image

from components.export.tflite import run_tflite
from components.formats.dataset import ENCODED, ID, LABEL, TEXT, write_dataset
from components.formats.model import ModelSpec, load_model, save_model
from components.split.tfrecord import example, record

pytestmark = pytest.mark.slow

QUARTERS = ('top "left", quoted', "küche 客厅", "bottom\nleft", "bottom\\right")
SIZE_PX = 32
SURE = np.exp(8) / (np.exp(8) + 3)  # the logit of a white quarter is 8, of a black one 0

# Knows TensorFlow only; prints what the SavedModel answers for batches of 1, 2, ... images.
SERVE = """
import json, sys
sys.modules |= dict.fromkeys(["components", "keras"])  # any import of these fails
from pathlib import Path
import tensorflow as tf
classify = tf.saved_model.load(sys.argv[1]).signatures["serving_default"]
images = [Path(file).read_bytes() for file in sys.argv[2:]]
answers = [classify(image_bytes=tf.constant(images[:size])) for size in range(1, len(images) + 1)]
decoded = lambda names: [name.decode() for name in names.numpy()]
columns = {"label": decoded, "class_names": decoded}
as_list = lambda numbers: numbers.numpy().tolist()
print(json.dumps([{name: columns.get(name, as_list)(v) for name, v in answer.items()} for answer in answers]))
"""


def bright(quarter: int, file_format: str = "JPEG", orientation: int = 1) -> bytes:
    """Encodes a black image, 96 wide and 64 high when upright, one quarter of it white."""
    pixels = np.zeros([64, 96, 3], np.uint8)
    row, column = divmod(quarter, 2)
    pixels[32 * row : 32 * row + 32, 48 * column : 48 * column + 48] = 255
    if orientation == 6:  # stored turned by a quarter to the left, to be shown turned to the right
        pixels = np.rot90(pixels)
    exif = Image.Exif()
    exif[0x0112] = orientation
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, file_format, exif=exif, quality=95)
    return stream.getvalue()


def make_dataset(folder: Path, images: int = 9) -> Path:
    folder.mkdir()
    labels = [position % 4 for position in range(images)]
    rows = []
    for position, label in enumerate(labels):
        image_id = hashlib.sha256(b"%d" % position).hexdigest().encode()
        rows.append({ENCODED: bright(label), LABEL: label, TEXT: QUARTERS[label].encode(), ID: image_id})
    (folder / "test.tfrecord").write_bytes(b"".join(record(example(row)) for row in rows))
    counts = {name: labels.count(label) for label, name in enumerate(QUARTERS)}
    write_dataset(folder, "examples", counts, {"test.tfrecord": images}, shorter_side_px=256)
    return folder


def make_model(folder: Path, scale: float = 8.0) -> Path:
    """Writes a model whose logits are `scale` times the mean brightness of each quarter in [0, 1]."""
    folder.mkdir()
    image = keras.Input((SIZE_PX, SIZE_PX, 3), dtype="uint8")
    quarters = keras.layers.AveragePooling2D(SIZE_PX // 2)(keras.layers.Rescaling(1 / 255)(image))
    model = keras.Model(image, keras.layers.Dense(4, use_bias=False)(keras.layers.Flatten()(quarters)))
    model.layers[-1].set_weights([scale * np.repeat(np.eye(4), 3, axis=0) / 3])
    spec = ModelSpec(class_names=QUARTERS, image_size_px=SIZE_PX, shorter_side_px=256, backbone="quarters")
    save_model(folder, model, spec)
    return folder


def export(model: Path, test: Path, out: Path) -> subprocess.CompletedProcess:
    """Runs the step as KFP does, into folders that do not exist."""
    names = ("saved_model", "tflite", "parity")
    artifacts = {n: {"artifacts": [{"name": n, "uri": f"gs://bucket/{n}"}]} for n in names}
    executor_input = {"outputs": {"artifacts": artifacts, "outputFile": f"{out}/executor_output.json"}}
    command = [sys.executable, "-m", "components.export", "--model", model, "--test", test]
    command += [word for n in names for word in (f"--{n.replace('_', '-')}", out / n)]
    command += ["--executor-input", json.dumps(executor_input)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return make_model(tmp_path_factory.mktemp("model") / "model")


@pytest.fixture(scope="module")
def run(model, tmp_path_factory):
    out = tmp_path_factory.mktemp("run")
    done = export(model, make_dataset(out / "test"), out)
    assert done.returncode == 0, done.stderr
    return out, done.stdout


@pytest.fixture(scope="module")
def answers(run, tmp_path_factory):
    """What the SavedModel alone says of image files as people have them, and what they show."""
    folder = tmp_path_factory.mktemp("files")
    files = {
        "a.jpg": (0, bright(0)),
        "phone.jpg": (1, bright(1, orientation=6)),
        "b.png": (2, bright(2, "PNG")),
        "c.webp": (3, bright(3, "WEBP")),
        "phone.webp": (2, bright(2, "WEBP", orientation=6)),
    }
    for name, (_, data) in files.items():
        (folder / name).write_bytes(data)
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [sys.executable, "-I", "-c", SERVE, run[0] / "saved_model" / "1", *files]
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return [quarter for quarter, _ in files.values()], json.loads(done.stdout)


def test_the_saved_model_reads_files_as_people_have_them(answers):
    quarters, batches = answers
    assert batches[-1]["label"] == [QUARTERS[quarter] for quarter in quarters]
    np.testing.assert_allclose(batches[-1]["probability"], SURE, atol=2e-3)


def test_the_saved_model_takes_batches_of_any_size(answers):
    _, batches = answers
    for size, batch in enumerate(batches, 1):
        assert np.shape(batch["probabilities"]) == (size, 4)
        np.testing.assert_allclose(batch["probabilities"], batches[-1]["probabilities"][:size], atol=1e-6)
        np.testing.assert_allclose(np.sum(batch["probabilities"], axis=1), 1, atol=1e-6)


def test_class_names_are_in_label_order(answers):
    assert tuple(answers[1][-1]["class_names"]) == QUARTERS


def test_tflite_agrees_with_keras(run, model):
    file = run[0] / "tflite" / "model.tflite"
    interpreter = Interpreter(model_path=str(file))
    [image], [probabilities] = interpreter.get_input_details(), interpreter.get_output_details()
    assert (image["dtype"], image["shape"].tolist()) == (np.uint8, [1, SIZE_PX, SIZE_PX, 3])
    assert (probabilities["dtype"], probabilities["shape"].tolist()) == (np.float32, [1, 4])
    pixels = np.random.default_rng(0).integers(0, 256, (3, SIZE_PX, SIZE_PX, 3), dtype=np.uint8)
    expected = keras.ops.softmax(load_model(model)[0](pixels, training=False))
    np.testing.assert_allclose(run_tflite(file, pixels), expected, atol=1e-5)


def test_labels_have_a_line_each(run):
    lines = (run[0] / "tflite" / "labels.txt").read_text(encoding="utf-8").split("\n")
    assert lines == ['top "left", quoted', "küche 客厅", "bottom\\nleft", "bottom\\\\right", ""]


def test_parity_is_written_and_told_to_kfp(run):
    parity = json.loads((run[0] / "parity.json").read_text())
    assert (parity["saved_model_images"], parity["tflite_images"]) == (9, 9)
    assert (parity["saved_model_agreement"], parity["tflite_agreement"]) == (1, 1)
    assert 0 <= max(parity["saved_model_max_difference"], parity["tflite_max_difference"]) < 1e-5
    artifacts = json.loads((run[0] / "executor_output.json").read_text())["artifacts"]
    described = {name: entry["artifacts"][0] for name, entry in artifacts.items()}
    assert described["parity"] == {"name": "parity", "uri": "gs://bucket/parity.json", "metadata": parity}
    assert described["saved_model"]["metadata"] == {"framework": "TensorFlow SavedModel"}
    assert described["tflite"]["uri"] == "gs://bucket/tflite"


def test_stdout_tells_where_it_stands(run):
    lines = run[1].splitlines()
    assert [line.split(",")[0] for line in lines[:2]] == ["export: SavedModel written", "export: TFLite written"]
    assert lines[-1] == "export: 9 of 9 test images compared"


def test_exports_that_cannot_be_compared_are_refused_and_nothing_is_left(tmp_path):
    """The outputs of a diverged model agree with nothing, not even themselves."""
    out = tmp_path / "out"
    done = export(make_model(tmp_path / "model", scale=np.nan), make_dataset(tmp_path / "test"), out)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("error: saved_model: expected probabilities within 0.001 of ")
    assert list(out.iterdir()) == []


def test_an_empty_test_set_is_refused(model, tmp_path):
    out = tmp_path / "out"
    done = export(model, make_dataset(tmp_path / "test", images=0), out)
    assert done.returncode == 2
    assert "expected test images to compare the exports on, found none" in done.stderr
    assert list(out.iterdir()) == []
