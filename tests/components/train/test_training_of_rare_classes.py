"""Training with each way of making up for imbalance, and with mixing, on small images of three unequal classes."""

import json

import numpy as np
import pytest

from components.train.cluster import join_cluster
from components.train.input_pipeline import read_images
from components.train.parameters import TrainParameters
from components.train.training import Trainer, TrainingResult

SIZE_PX = 32
COUNTS = {"blue": 40, "green": 10, "red": 4}
COLOURS = {"blue": (60, 90, 170), "green": (80, 130, 80), "red": (160, 90, 90)}

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def unequal(tmp_path_factory, write_examples):
    """Images that differ by a tint, to learn from and to validate with."""
    rng = np.random.default_rng(0)
    folder = tmp_path_factory.mktemp("unequal")

    def scenes(images: int, name: str) -> np.ndarray:
        blotches = rng.normal(COLOURS[name], 45, (images, 8, 8, 3)).clip(0, 255).astype(np.uint8)
        return blotches.repeat(4, axis=1).repeat(4, axis=2)

    train = {name: scenes(count, name) for name, count in COUNTS.items()}
    validation = {name: scenes(10, name) for name in COUNTS}
    folders = (write_examples(folder / "train", train), write_examples(folder / "validation", validation))
    return [read_images(each, SIZE_PX) for each in folders]


def trained(unequal, **parameters) -> TrainingResult:
    small = {"image_size_px": SIZE_PX, "batch_size": 18, "head_epochs": 4, "finetune_epochs": 1, "finetune_layers": 4}
    return Trainer(TrainParameters(**small | parameters), *unequal, join_cluster({})).train()


@pytest.mark.parametrize("imbalance", ["none", "class_weight", "balanced_sampling", "focal", "logit_adjustment"])
def test_every_way_trains_both_phases_and_tells_the_exposure(unequal, imbalance):
    result = trained(unequal, imbalance=imbalance)
    assert [row["phase"] for row in result.history] == ["head"] * 4 + ["finetune"]
    assert result.history[3]["loss"] < result.history[0]["loss"]
    assert result.exposure["head"] == result.exposure["finetune"]
    exposure = [row["exposure"] for row in result.exposure["head"].values()]
    equal = imbalance not in ("none", "logit_adjustment")
    assert exposure == pytest.approx([1 / 3] * 3 if equal else [40 / 54, 10 / 54, 4 / 54], abs=1e-4)
    json.dumps(result.exposure)


def test_crt_trains_the_head_anew_in_the_end(unequal, capsys):
    result = trained(unequal, imbalance="crt", crt_epochs=3)
    assert [row["phase"] for row in result.history] == ["head"] * 4 + ["finetune"] + ["classifier"] * 3
    shares = {phase: [row["exposure"] for row in rows.values()] for phase, rows in result.exposure.items()}
    assert shares["head"] == shares["finetune"] == pytest.approx([40 / 54, 10 / 54, 4 / 54], abs=1e-4)
    assert shares["classifier"] == pytest.approx([1 / 3] * 3, abs=1e-4)
    told = [line for line in capsys.readouterr().out.splitlines() if "exposure of red" in line]
    assert told == [
        "train: head: exposure of red: 4 images (7.4%), drawn x1.00, weight x1.00 -> 7.4%",
        "train: classifier: exposure of red: 4 images (7.4%), drawn x4.50, weight x1.00 -> 33.3%",
    ]


def test_crt_of_a_network_from_scratch(unequal):
    result = trained(unequal, imbalance="crt", crt_epochs=1, backbone="baseline_cnn", head_epochs=1, finetune_epochs=0)
    assert [row["phase"] for row in result.history] == ["scratch", "classifier"]


@pytest.mark.parametrize("mixing", [{"mixup_alpha": 0.4}, {"mixup_alpha": 0.4, "cutmix_alpha": 1.0}])
def test_mixed_images_train_both_phases(unequal, mixing):
    result = trained(unequal, imbalance="class_weight", **mixing)
    assert [row["phase"] for row in result.history] == ["head"] * 4 + ["finetune"]
    assert result.history[3]["val_loss"] < result.history[0]["val_loss"]
    mixed_exposure = result.exposure["finetune"]["red"]["exposure"]
    assert 4 / 54 < mixed_exposure < 1 / 3  # mixing undoes a part of the weights


def test_layers_of_keras_augment_both_phases(unequal):
    layers = [{"layer": "RandomFlip", "probability": 0.25}, {"layer": "RandomZoom", "height_factor": 0.2}]
    result = trained(unequal, augmentation=layers, augmentation_magnitude=0.5)
    assert result.history[3]["loss"] < result.history[0]["loss"]
    assert result.samples.shape == (4, 6, SIZE_PX, SIZE_PX, 3)
