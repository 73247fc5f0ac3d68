"""Saved models of every family, evaluated and exported where neither the train step nor KerasCV is installed."""

import json
import subprocess
import sys

import keras
import numpy as np
import pytest

from components.formats.model import ModelSpec, save_model
from components.train.classifier import Classifier
from components.train.parameters import TrainParameters

pytestmark = pytest.mark.slow

CLASSES = ("coast", "forest", "küche 客厅")
# One of each family, and of each of its kinds of normalization, with the side of its images in pixels.
BACKBONES = {
    "vit_small_data": 64,
    "baseline_cnn": 75,
    "resnet18_v2": 75,
    "vgg16": 75,
    "densenet121": 75,
    "efficientnet_b0": 75,
    "convnext_tiny": 75,
}

EXPORT = """
import json, sys
sys.modules |= dict.fromkeys(["components.train", "keras_cv"])  # any import of these fails
from pathlib import Path
from components.evaluate.inference import predict
from components.export.exporting import export_checked
model, test, out = map(Path, sys.argv[1:])
for name in ("saved_model", "tflite"):
    (out / name).mkdir(parents=True)
probabilities = predict(model, test, 4, lambda _: None).probabilities
metrics = export_checked(model, test, out / "saved_model", out / "tflite")
(out / "answer.json").write_text(json.dumps({"probabilities": probabilities.tolist(), **metrics}))
"""


@pytest.mark.parametrize(("backbone", "size_px"), BACKBONES.items())
def test_what_is_saved_needs_keras_alone_and_is_served_as_it_was_trained(backbone, size_px, write_examples, tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (6, size_px, size_px, 3), dtype=np.uint8)
    examples = write_examples(tmp_path / "test", dict(zip(CLASSES, np.split(pixels, 3), strict=True)))
    keras.utils.set_random_seed(3)
    parameters = TrainParameters(backbone=backbone, weights="none", image_size_px=size_px)
    model = Classifier(parameters, len(CLASSES)).model
    (tmp_path / "model").mkdir()
    spec = ModelSpec(class_names=CLASSES, image_size_px=size_px, shorter_side_px=256, backbone=backbone)
    save_model(tmp_path / "model", model, spec)
    command = [sys.executable, "-c", EXPORT, tmp_path / "model", examples, tmp_path / "out"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    answer = json.loads((tmp_path / "out" / "answer.json").read_text())
    expected = keras.ops.softmax(model(pixels, training=False))
    np.testing.assert_allclose(answer["probabilities"], expected, atol=0.02)  # the images went through JPEG
    for export in ("saved_model", "tflite"):
        assert (answer[f"{export}_images"], answer[f"{export}_agreement"]) == (6, 1)
        assert answer[f"{export}_max_difference"] < 1e-4


def test_the_transformer_s_file_holds_no_masks(tmp_path):
    """As constants they would take more room than the weights: 64 tokens a side make 4096 x 4096 for each block."""
    model = Classifier(TrainParameters(backbone="vit_small_data", image_size_px=256), 3).model
    assert len(model.to_json()) < 200_000
