"""The presets that are whole systems: each one's model, trained for an epoch on a few small images."""

import pytest

from components.train.classifier import Classifier
from components.train.cluster import join_cluster
from components.train.input_pipeline import read_images
from components.train.parameters import TrainParameters
from components.train.training import Trainer
from pipelines.parameters import resolve

SYSTEMS = ("real_estate", "real_estate_vit", "real_estate_baseline", "natural_scenes", "intel_scenes", "topics")
SIZE_PX = 32
REDUCED = {"image_size_px": SIZE_PX, "batch_size": 9, "weights": "none", "head_epochs": 1, "finetune_epochs": 0}


def parameters_of(preset: str, **changes) -> TrainParameters:
    values = resolve(preset).model_dump(include=set(TrainParameters.model_fields))
    return TrainParameters(**values | changes)


@pytest.mark.slow
@pytest.mark.parametrize("preset", SYSTEMS)
def test_every_system_trains(preset, datasets):
    images = [read_images(datasets / name, SIZE_PX) for name in ("train", "validation")]
    result = Trainer(parameters_of(preset, **REDUCED), *images, join_cluster({})).train()
    [row] = result.history
    assert row["phase"] == "scratch"
    assert row["loss"] > 0
    assert result.model.output_shape == (None, 3)


@pytest.mark.slow
def test_the_baseline_has_seven_layers_that_learn():
    model = Classifier(parameters_of("real_estate_baseline", image_size_px=SIZE_PX), classes=3).model
    assert [variable.path for variable in model.trainable_variables if variable.path.endswith("kernel")] == [
        *(f"conv{number}/kernel" for number in range(1, 6)),
        "dense/kernel",
        "logits/kernel",
    ]
