"""The model that the preset of the baseline builds."""

from components.train.classifier import Classifier
from components.train.parameters import TrainParameters
from pipelines.parameters import resolve


def test_the_baseline_has_seven_layers_that_learn():
    values = resolve("real_estate_baseline").model_dump(include=set(TrainParameters.model_fields))
    model = Classifier(TrainParameters(**values | {"image_size_px": 32}), classes=3).model
    assert [variable.path for variable in model.trainable_variables if variable.path.endswith("kernel")] == [
        *(f"conv{number}/kernel" for number in range(1, 6)),
        "dense/kernel",
        "logits/kernel",
    ]
