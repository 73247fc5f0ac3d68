"""Every backbone there is, built without weights."""

from collections.abc import Iterable

import keras
import numpy as np
import pytest

from components._errors import InputError
from components.train.backbones.build import build_backbone
from components.train.backbones.keras_applications import APPLICATIONS
from components.train.backbones.table import BACKBONES, NONE, backbones, find, resolved_weights

SIZE_PX = 96
IMAGES = np.random.default_rng(0).integers(0, 256, (2, SIZE_PX, SIZE_PX, 3)).astype(np.float32)
SMALL = ("baseline_cnn", "mobilenet_v3_small", "resnet18")


def of_each(names: Iterable[str]) -> list:
    """The small ones always, the others only when there is time."""
    return [name if name in SMALL else pytest.param(name, marks=pytest.mark.slow) for name in names]


@pytest.mark.parametrize("name", of_each(backbone.name for backbone in BACKBONES))
def test_every_backbone_is_as_its_row_says(name):
    known = find(name)
    size_px = known.image_size_px // 32 * 32 if name == "vit_small_data" else SIZE_PX
    backbone = build_backbone(name, NONE, size_px)
    assert backbone.name == name
    assert round(backbone.count_params() / 1e6, 1) == known.million_parameters
    assert (backbone.input_shape, backbone.input.dtype) == ((None, size_px, size_px, 3), "float32")
    assert len(backbone.output_shape) == 4
    assert backbone.output.dtype == "float32"
    if size_px == SIZE_PX:
        features = backbone(IMAGES, training=False).numpy()
        assert np.isfinite(features).all()
        assert features.std() > 0


def normalized(name: str, pixel: list[float]) -> np.ndarray:
    """What comes out of a backbone's normalizing layer, of an image of one colour."""
    backbone = build_backbone(name, NONE, SIZE_PX)
    for normalization in backbone.layers:
        if isinstance(normalization, keras.layers.Normalization) and normalization.input_mean is None:
            # As in the published weights, whose "variance" is the standard deviation.
            normalization.set_weights([np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225]), np.array(1)])
            normalization.finalize_state()
    layer = next(layer for layer in backbone.layers if layer.name.startswith("normalization"))
    until = keras.Model(backbone.input, layer.output)
    return until(np.full((1, SIZE_PX, SIZE_PX, 3), pixel, np.float32)).numpy()[0, 0, 0]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("mobilenet", [-1, 0, 1]),
        ("vgg16", [255 - 103.939, 127.5 - 116.779, 0 - 123.68]),
        ("densenet121", [-0.485 / 0.229, (0.5 - 0.456) / 0.224, (1 - 0.406) / 0.225]),
        ("efficientnet_b0", [-0.485 / 0.229, (0.5 - 0.456) / 0.224, (1 - 0.406) / 0.225]),
        ("baseline_cnn", [-1, 0, 1]),
    ],
)
def test_colours_are_normalized_as_each_family_expects(name, expected):
    """An image of one colour, red 0, green 127.5 and blue 255, just before the first convolution."""
    np.testing.assert_allclose(normalized(name, [0, 127.5, 255]), expected, atol=1e-4)


def test_the_baseline_has_five_convolutional_and_one_dense_layer_before_the_head():
    kinds = [type(layer) for layer in build_backbone("baseline_cnn", NONE, 64).layers]
    assert [kinds.count(kind) for kind in (keras.layers.Conv2D, keras.layers.Dense)] == [5, 1]
    assert {keras.layers.BatchNormalization, keras.layers.MaxPooling2D, keras.layers.Dropout} <= set(kinds)


@pytest.mark.parametrize("name", ["resnet18", "resnet18_v2"])
def test_resnets_are_plain_models_of_keras_own_layers(name):
    backbone = build_backbone(name, NONE, 64)
    modules = {type(part).__module__.split(".")[0] for part in (backbone, *backbone.layers)}
    assert modules == {"keras"}


def test_an_image_too_small_for_a_backbone_is_refused():
    with pytest.raises(InputError, match=r"image_size_px: expected a size that xception takes. Received: 64\. .*71x71"):
        build_backbone("xception", NONE, 64)


def test_the_table_names_each_backbone_once_and_all_of_keras_applications():
    names = [backbone.name for backbone in backbones()]
    assert len(set(names)) == len(names) == 28
    assert set(APPLICATIONS) <= set(names)
    assert {backbone.name for backbone in BACKBONES if backbone.pretrained == "download by Keras"} == set(APPLICATIONS)


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
