import json

import pytest

from components.train.augmentation_policy import PRESETS, LayerChange, as_text, read_policy
from components.train.parameters import TrainParameters

LAYERS = [{"layer": "RandomFlip", "probability": 0.25, "mode": "horizontal"}, {"layer": "Equalization"}]


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset(preset):
    assert read_policy(preset) == preset


def test_a_list_of_layers():
    flip, equalization = read_policy(json.dumps(LAYERS))
    assert (flip.layer, flip.probability, flip.arguments) == ("RandomFlip", 0.25, {"mode": "horizontal"})
    assert equalization == LayerChange(layer="Equalization", probability=1.0)
    assert equalization.arguments == {}


def test_an_empty_list_is_no_augmentation():
    assert read_policy("[]") == []


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("heavy", r"Received: 'heavy'\.$"),
        ("", r"Received: ''\.$"),
        ("[{]", r"Received: '\[\{\]'\. Expecting property name"),
        ('{"layer": "RandomFlip"}', "a list, not dict"),
        ("[1]", r"Received: 1\.$"),
        ('[{"probability": 0.5}]', r"layer: Field required\."),
        (
            '[{"layer": "RandomFlip", "probability": 1.5}]',
            r"probability: Input should be less than or equal to 1\. Received: 1\.5\.$",
        ),
    ],
)
def test_anything_else_is_refused(text, why):
    with pytest.raises(ValueError, match=f"(?s)^expected one of none, light, default, strong, or a JSON list .*{why}"):
        read_policy(text)


def test_a_list_in_yaml_is_a_parameter_too():
    assert as_text("light") == "light"
    assert read_policy(TrainParameters(augmentation=LAYERS).augmentation) == read_policy(json.dumps(LAYERS))


def test_the_parameter_is_checked():
    with pytest.raises(ValueError, match="augmentation: expected one of none, light, default, strong, or a JSON list"):
        TrainParameters(augmentation="heavy")
