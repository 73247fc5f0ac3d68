"""What presets build and train: the baseline, and the backbones that comments name in place of a preset's own."""

import keras
import pytest

from components.train.backbones.build import build_backbone
from components.train.backbones.table import IMAGENET, NONE, resolved_weights
from components.train.classifier import Classifier
from components.train.cluster import join_cluster
from components.train.input_pipeline import read_images
from components.train.parameters import TrainParameters
from components.train.training import Trainer
from pipelines.parameters import resolve


def of_training(preset: str, *settings: str) -> dict[str, object]:
    return resolve(preset, settings=settings).model_dump(include=set(TrainParameters.model_fields))


def test_the_baseline_has_seven_layers_that_learn():
    model = Classifier(TrainParameters(**of_training("real_estate_baseline", "image_size_px=32")), classes=3).model
    assert [variable.path for variable in model.trainable_variables if variable.path.endswith("kernel")] == [
        *(f"conv{number}/kernel" for number in range(1, 6)),
        "dense/kernel",
        "logits/kernel",
    ]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("preset", "backbone", "settings", "phases"),
    [
        ("real_estate", "xception", ["image_size_px=96"], ["head", "finetune"]),
        ("real_estate", "vgg19", ["image_size_px=32", "imbalance=focal"], ["head", "finetune"]),
        ("natural_scenes", "xception", ["image_size_px=96"], ["head"]),
        ("intel_scenes", "resnet18", ["image_size_px=32"], ["scratch"]),
        ("intel_scenes", "resnet34", ["image_size_px=32"], ["scratch"]),
        ("intel_scenes", "resnet101_v2", ["image_size_px=32"], ["head", "finetune"]),
    ],
    ids=lambda value: value if isinstance(value, str) else ",".join(value),
)
def test_what_a_preset_names_beside_its_own_trains(preset, backbone, settings, phases, datasets, tmp_path):
    """In place of ImageNet weights come random ones, but from a file, so that the head is trained alone at first."""
    epochs = ["head_epochs=1", f"finetune_epochs={phases.count('finetune')}"]
    parameters = TrainParameters(**of_training(preset, f"backbone={backbone}", *settings, *epochs))
    if resolved_weights(backbone, parameters.weights) == IMAGENET:
        keras.utils.set_random_seed(0)
        file = tmp_path / "random.weights.h5"
        build_backbone(backbone, NONE, parameters.image_size_px).save_weights(file)
        parameters = parameters.model_copy(update={"weights": str(file)})
    images = [read_images(datasets / name, parameters.image_size_px) for name in ("train", "validation")]
    result = Trainer(parameters, *images, join_cluster({})).train()
    assert [row["phase"] for row in result.history] == phases
