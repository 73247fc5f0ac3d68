"""Every backbone there is, built without weights."""

import math
from collections.abc import Iterable

import keras
import numpy as np
import pytest
from pydantic import ValidationError

from components._errors import InputError
from components.train.backbones.build import build_backbone
from components.train.backbones.keras_applications import APPLICATIONS
from components.train.backbones.table import BACKBONES, IMAGENET, NONE, backbones, find, resolved_weights
from components.train.parameters import TrainParameters

SIZE_PX = 64
ODD_PX = 75  # what halves of it are rounded to, up or down, is each backbone's own matter
IMAGES = np.random.default_rng(0).integers(0, 256, (2, 96, 96, 3)).astype(np.float32)
SMALL = ("baseline_cnn", "mobilenet_v3_small", "resnet18")


def of_each(names: Iterable[str]) -> list:
    """The small ones always, the others only when there is time."""
    return [name if name in SMALL else pytest.param(name, marks=pytest.mark.slow) for name in names]


@pytest.mark.parametrize("name", of_each(backbone.name for backbone in BACKBONES))
def test_every_backbone_is_as_its_row_says(name):
    known = find(name)
    backbone = build_backbone(name, NONE, known.image_size_px)
    assert backbone.name == name
    assert round(backbone.count_params() / 1e6, 1) == known.million_parameters
    assert (backbone.input_shape, backbone.input.dtype) == ((None, *2 * [known.image_size_px], 3), "float32")
    assert len(backbone.output_shape) == 4
    assert backbone.output.dtype == "float32"


@pytest.mark.parametrize("name", of_each(backbone.name for backbone in BACKBONES))
def test_every_backbone_takes_odd_sizes(name):
    """Odd multiples of what it needs a multiple of."""
    multiple_px = find(name).multiple_px
    size_px = math.ceil(ODD_PX / multiple_px) * multiple_px
    backbone = build_backbone(name, NONE, size_px)
    features = backbone(IMAGES[:, :size_px, :size_px], training=False).numpy()
    assert features.shape == (2, *backbone.output_shape[1:])
    assert np.isfinite(features).all()
    assert features.std() > 0


@pytest.mark.parametrize("name", ["baseline_cnn", "mobilenet"])
def test_colours_are_normalized_before_anything_else(name):
    """An image of one colour, red 0, green 127.5 and blue 255, just before the first convolution."""
    backbone = build_backbone(name, NONE, SIZE_PX)
    until = keras.Model(backbone.input, backbone.get_layer("normalization").output)
    assert until.layers == backbone.layers[:2]
    normalized = until(np.full((1, SIZE_PX, SIZE_PX, 3), [0, 127.5, 255], np.float32))
    np.testing.assert_allclose(normalized[0, 0, 0], [-1, 0, 1], atol=1e-6)


def test_the_baseline_has_five_convolutional_and_one_dense_layer_before_the_head():
    kinds = [type(layer) for layer in build_backbone("baseline_cnn", NONE, 64).layers]
    assert [kinds.count(kind) for kind in (keras.layers.Conv2D, keras.layers.Dense)] == [5, 1]
    assert {keras.layers.BatchNormalization, keras.layers.MaxPooling2D, keras.layers.Dropout} <= set(kinds)


@pytest.mark.parametrize("name", ["resnet18", "resnet18_v2"])
def test_resnets_are_plain_models_of_keras_own_layers(name):
    backbone = build_backbone(name, NONE, 64)
    modules = {type(part).__module__.split(".")[0] for part in (backbone, *backbone.layers)}
    assert modules == {"keras"}


@pytest.mark.parametrize(
    ("name", "size_px", "message"),
    [
        ("xception", 70, r"image_size_px: expected 71 or more for xception\. Received: 70\."),
        (
            "vit_small_data",
            100,
            r"image_size_px: expected a multiple of 16 for vit_small_data\. Received: 100\. "
            r"The nearest are 96 and 112\.",
        ),
    ],
)
def test_a_size_that_a_backbone_does_not_take_is_refused_before_anything_starts(name, size_px, message):
    with pytest.raises(InputError, match=f"^{message}$"):
        build_backbone(name, NONE, size_px)
    with pytest.raises(ValidationError, match=message):
        TrainParameters(backbone=name, image_size_px=size_px)


@pytest.mark.parametrize(("name", "size_px"), [("xception", 71), ("vit_small_data", 1024), ("keras_hub:vit", 33)])
def test_any_other_size_is_a_parameter(name, size_px):
    assert TrainParameters(backbone=name, image_size_px=size_px).image_size_px == size_px


@pytest.mark.parametrize("backbone", BACKBONES, ids=lambda backbone: backbone.name)
def test_a_backbone_s_own_size_is_a_parameter(backbone):
    parameters = TrainParameters(backbone=backbone.name, image_size_px=backbone.image_size_px)
    assert parameters.image_size_px == backbone.image_size_px


def test_the_table_names_each_backbone_once_and_all_of_keras_applications():
    names = [backbone.name for backbone in backbones()]
    assert len(set(names)) == len(names) == 28
    assert set(APPLICATIONS) <= set(names)


@pytest.mark.parametrize("backbone", BACKBONES, ids=lambda backbone: backbone.name)
def test_weights_are_pretrained_where_the_table_says_so(backbone):
    """What Keras publishes, and one package in the image; of the others there are none to ask for."""
    published = dict.fromkeys(APPLICATIONS, "download by Keras") | {"efficientnet_lite0": "in the image"}
    assert backbone.pretrained == published.get(backbone.name, "")
    if not backbone.pretrained:
        with pytest.raises(ValidationError, match=f"there are no imagenet weights of {backbone.name}"):
            TrainParameters(backbone=backbone.name, weights=IMAGENET)


@pytest.mark.parametrize(
    ("name", "weights", "resolved"),
    [
        ("efficientnet_lite0", "auto", "imagenet"),
        ("xception", "auto", "imagenet"),
        ("keras_hub:vit_base", "auto", "imagenet"),
        ("baseline_cnn", "auto", "none"),
        ("resnet18", "auto", "none"),
        ("xception", "none", "none"),
        ("baseline_cnn", "a.weights.h5", "a.weights.h5"),
    ],
)
def test_auto_means_imagenet_where_there_is_any(name, weights, resolved):
    assert resolved_weights(name, weights) == resolved


@pytest.mark.parametrize("name", ["keras_hub:", "resnet", ""])
def test_other_names_mean_nothing(name):
    assert find(name) is None
