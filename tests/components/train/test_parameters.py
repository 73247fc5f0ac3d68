import pytest
from pydantic import ValidationError

from components._errors import InputError
from components._parameters import checked
from components.train.parameters import TrainParameters


def test_the_defaults_are_the_system_that_was_measured():
    defaults = TrainParameters()
    assert (defaults.backbone, defaults.weights, defaults.pooling) == ("efficientnet_lite0", "auto", "avg")
    assert (defaults.head_dense_units, defaults.warmup_epochs, defaults.finetune_layers) == (0, 1, 150)
    assert (defaults.augmentation, defaults.finetune_epochs, defaults.finetune_learning_rate) == ("light", 6, 3e-5)
    assert (defaults.head_schedule, defaults.finetune_schedule) == ("cosine", "cosine")


@pytest.mark.parametrize("backbone", ["xception", "vit_small_data", "keras_hub:vit_base", "keras_hub:hf://a/b"])
def test_a_backbone(backbone):
    assert TrainParameters(backbone=backbone).backbone == backbone


@pytest.mark.parametrize(
    "weights", ["auto", "imagenet", "none", "/data/a.weights.h5", "a.keras", "s3://b/a.h5", "https://a.b/c.keras?x=y.z"]
)
def test_weights(weights):
    assert TrainParameters(weights=weights).weights == weights


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"backbone": "mobilenetv2"},
            r"backbone: expected one of efficientnet_lite0, .*, or keras_hub:PRESET\. Received: 'mobilenetv2'\. "
            r"The nearest is 'mobilenet_v2'\.",
        ),
        ({"backbone": "keras_hub:"}, r"backbone: expected one of .* Received: 'keras_hub:'"),
        (
            {"weights": "weights.pth"},
            r"weights: expected auto, imagenet, none, or a path or URI that ends in \.h5 or \.keras\. "
            r"Received: 'weights\.pth'\.",
        ),
        ({"weights": ""}, r"weights: expected auto, .* Received: ''\."),
        (
            {"backbone": "baseline_cnn", "weights": "imagenet"},
            r"weights: expected auto, none, or a file: there are no imagenet weights of baseline_cnn\.",
        ),
        ({"finetune_layers": -2}, "greater than or equal to -1"),
        ({"head_schedule": "step"}, "'cosine', 'constant' or 'plateau'"),
        ({"monitor": "val_loss"}, "'macro_f1' or 'accuracy'"),
    ],
)
def test_anything_else_is_refused(values, message):
    with pytest.raises(ValidationError, match=message):
        TrainParameters(**values)


@pytest.mark.parametrize(("given", "batch_size"), [(32, 32), ("32", 32), ("auto", "auto")])
def test_a_batch_size_is_a_number_or_auto(given, batch_size):
    parameters = TrainParameters(batch_size=given)
    assert parameters.batch_size == batch_size
    assert parameters.model_dump()["batch_size"] == str(batch_size)  # the pipeline's input is text
    assert TrainParameters.model_validate(parameters.model_dump()) == parameters


@pytest.mark.parametrize("batch_size", [0, 4097, "-1", "many", 1.5])
def test_another_batch_size_is_refused(batch_size):
    with pytest.raises(InputError) as refused:
        checked(TrainParameters, {"batch_size": batch_size})
    assert str(refused.value) == f"batch_size: expected int in [1, 4096] or auto. Received: {batch_size!r}."


@pytest.mark.parametrize(("given", "xla"), [(True, "on"), (False, "off"), ("on", "on"), ("auto", "auto")])
def test_on_and_off_as_yaml_reads_them(given, xla):
    assert TrainParameters(xla=given).xla == xla
