"""KerasHub's backbones, from a preset in a folder; the package is optional."""

import sys
from functools import partial
from types import ModuleType, SimpleNamespace

import keras
import numpy as np
import pytest

from components._errors import InputError
from components.formats.model import ModelSpec, load_model, save_model
from components.train.backbones.build import build_backbone
from components.train.classifier import Classifier
from components.train.parameters import TrainParameters

SIZE_PX = 32


def test_without_keras_hub_its_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "keras_hub", None)  # as if it were not installed
    with pytest.raises(InputError, match=r"keras_hub:vit_base needs the package keras-hub.* Install the extra `keras-"):
        build_backbone("keras_hub:vit_base", "none", SIZE_PX)


@pytest.fixture
def stand_in(monkeypatch):
    """Puts a package in KerasHub's place that gives the backbone it is told to: which presets do so is not asked."""

    def install(outputs, expected: str | None = None) -> keras.Model:
        inputs = keras.Input((None, None, 3))
        backbone = keras.Model(inputs, outputs(inputs))

        def given(what, preset: str, *, load_weights: bool = False):
            if expected:
                assert (preset, load_weights) == (expected, what is backbone)
            return what

        package = ModuleType("keras_hub")
        converter = SimpleNamespace(scale=1 / 255, offset=0.0)
        package.models = SimpleNamespace(Backbone=SimpleNamespace(from_preset=partial(given, backbone)))
        package.layers = SimpleNamespace(ImageConverter=SimpleNamespace(from_preset=partial(given, converter)))
        monkeypatch.setitem(sys.modules, "keras_hub", package)
        return backbone

    return install


def stages(inputs) -> dict[str, keras.KerasTensor]:
    """Two feature maps of one size, and a finer one, last."""
    first = keras.layers.Conv2D(4, 4, strides=4)(inputs)
    return {"stage_1": first, "stage_2": keras.layers.Conv2D(6, 1)(first), "stem": keras.layers.Conv2D(2, 1)(inputs)}


def test_of_feature_maps_by_name_the_coarsest_is_taken(stand_in, images):
    pyramid = stand_in(stages)
    backbone = build_backbone("keras_hub:hgnetv2", "none", SIZE_PX)
    assert backbone.output_shape == (None, 8, 8, 6)
    np.testing.assert_allclose(backbone(images), pyramid(images / 255)["stage_2"], atol=1e-5)


def test_a_handle_reaches_keras_hub_as_it_is_and_its_weights_are_asked_for(stand_in):
    stand_in(stages, "hf://keras/resnet_18_imagenet")
    assert build_backbone("keras_hub:hf://keras/resnet_18_imagenet", "imagenet", SIZE_PX).output_shape == (
        None,
        8,
        8,
        6,
    )


def test_activations_of_images_of_any_size_are_traced(stand_in):
    stand_in(stages)
    classifier = Classifier(TrainParameters(backbone="keras_hub:hgnetv2", image_size_px=SIZE_PX), classes=3)
    of_layers = 4 * (SIZE_PX**2 * 3 + 8 * 8 * (4 + 6))  # scaled pixels, two stages
    assert of_layers <= classifier.activation_bytes() <= 5 * of_layers


@pytest.mark.parametrize(
    ("outputs", "found"),
    [
        (lambda inputs: {"tokens": keras.layers.Flatten()(keras.ops.mean(inputs, [1, 2]))}, r"{'tokens': \[None, 3\]}"),
        (lambda inputs: [inputs, inputs], r"\[\[None, 32, 32, 3\], \[None, 32, 32, 3\]\]"),
        (lambda inputs: keras.ops.mean(inputs, [1, 2]), r"\[None, 3\]"),
    ],
    ids=["no map by name", "without names", "no map"],
)
def test_a_backbone_without_features_is_refused(stand_in, outputs, found):
    stand_in(outputs)
    with pytest.raises(InputError, match=rf"backbone: expected of keras_hub:x a feature map .*, found: {found}\. Choo"):
        build_backbone("keras_hub:x", "none", SIZE_PX)


@pytest.fixture(scope="module")
def preset(tmp_path_factory):
    """A small Vision Transformer as KerasHub saves presets; its images are scaled to [-1, 1]."""
    import keras_hub  # noqa: PLC0415 - some seconds

    folder = tmp_path_factory.mktemp("preset")
    backbone = keras_hub.models.ViTBackbone(
        image_shape=(SIZE_PX, SIZE_PX, 3), patch_size=8, num_layers=1, num_heads=2, hidden_dim=16, mlp_dim=32
    )
    backbone.save_to_preset(str(folder))
    converter = keras_hub.layers.ViTImageConverter(image_size=(SIZE_PX, SIZE_PX), scale=1 / 127.5, offset=-1.0)
    converter.save_to_preset(str(folder))
    return folder, backbone


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(0, 256, (2, SIZE_PX, SIZE_PX, 3)).astype(np.float32)


def test_a_preset_keeps_its_weights_and_its_scaling(preset, images):
    folder, trained = preset
    backbone = build_backbone(f"keras_hub:{folder}", "imagenet", SIZE_PX)
    expected = trained(images / 127.5 - 1)
    assert backbone.output_shape == (None, 17, 1, 16)
    np.testing.assert_allclose(backbone(images)[:, :, 0], expected, atol=1e-5)


def test_none_gives_random_weights(preset, images):
    folder, trained = preset
    backbone = build_backbone(f"keras_hub:{folder}", "none", SIZE_PX)
    assert np.abs(backbone(images)[:, :, 0] - trained(images / 127.5 - 1)).max() > 0.1


def test_a_model_on_a_preset_is_saved_and_loaded(preset, images, tmp_path):
    name = f"keras_hub:{preset[0]}"
    model = Classifier(TrainParameters(backbone=name, image_size_px=SIZE_PX), 2).model
    save_model(tmp_path, model, ModelSpec(class_names=("a", "b"), image_size_px=32, shorter_side_px=32, backbone=name))
    pixels = images.astype(np.uint8)
    np.testing.assert_allclose(load_model(tmp_path)[0](pixels), model(pixels), atol=1e-6)


@pytest.mark.parametrize("size_px", [64])
def test_another_size_than_the_preset_s_is_refused(preset, size_px):
    with pytest.raises(InputError, match=r"a preset of an image backbone that takes images of 64 px, found: "):
        build_backbone(f"keras_hub:{preset[0]}", "none", size_px)


def test_a_folder_without_a_preset_is_refused(preset, tmp_path):
    with pytest.raises(InputError, match=r"backbone: expected in keras_hub:.* a preset"):
        build_backbone(f"keras_hub:{tmp_path}", "none", SIZE_PX)
