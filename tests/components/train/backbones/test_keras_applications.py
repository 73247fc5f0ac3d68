"""What Keras says of its own backbones: how pixels are normalized, and which sizes they were made for."""

import inspect
import sys
import warnings
from types import ModuleType

import keras
import numpy as np
import pytest

from components.train.backbones.build import build_backbone
from components.train.backbones.keras_applications import APPLICATIONS, MEAN, STANDARD_DEVIATION
from components.train.backbones.table import IMAGENET, find

SIZE_PX = 32
IMAGES = np.random.default_rng(0).uniform(0, 255, (2, SIZE_PX, SIZE_PX, 3)).astype(np.float32)
FIRST_EFFICIENTNETS = [f"efficientnet_b{number}" for number in range(4)]
MOBILENETS_V3 = ["mobilenet_v3_small", "mobilenet_v3_large"]


def module_of(name: str) -> ModuleType:
    """The family's module, of which keras.applications shows a part."""
    return sys.modules[APPLICATIONS[name][0].__module__]


def normalized(name: str) -> keras.KerasTensor:
    return APPLICATIONS[name][1](keras.ops.convert_to_tensor(IMAGES))


@pytest.mark.parametrize("name", sorted(APPLICATIONS.keys() - set(FIRST_EFFICIENTNETS)))
def test_pixels_are_what_the_family_s_own_function_makes_of_them(name):
    expected = module_of(name).preprocess_input(IMAGES.copy())
    np.testing.assert_allclose(normalized(name), expected, atol=1e-4)


@pytest.mark.parametrize("name", FIRST_EFFICIENTNETS)
def test_the_first_efficientnets_get_standardized_pixels(name):
    """Ours, then the layers that come with the weights, whose "variance" is the standard deviation.

    Together, they do what the paper's own code does: (x / 255 - mean) / deviation, as mode "torch".
    """
    assert module_of(name).preprocess_input(IMAGES) is IMAGES  # all of it is in the model
    layer = keras.layers.Normalization(mean=MEAN, variance=STANDARD_DEVIATION)
    expected = keras.applications.imagenet_utils.preprocess_input(IMAGES.copy(), mode="torch")
    np.testing.assert_allclose(layer(normalized(name) / 255), expected, atol=1e-5)


@pytest.mark.slow
def test_an_efficientnet_computes_what_keras_own_computes_with_its_weights(tmp_path, monkeypatch):
    """Keras adds a layer only to what it loads ImageNet weights into.

    A file of ours stands in for them: to take it, Keras would have to know its hash.
    """
    keras.utils.set_random_seed(0)
    published = keras.applications.EfficientNetB0(weights=None, include_top=False, input_shape=(SIZE_PX, SIZE_PX, 3))
    normalization = next(layer for layer in published.layers if isinstance(layer, keras.layers.Normalization))
    normalization.set_weights([np.array(MEAN), np.array(STANDARD_DEVIATION), np.array(1)])
    published.save(file := tmp_path / "published.h5")
    monkeypatch.setattr("keras.src.utils.file_utils.get_file", lambda *_, **__: str(file))
    theirs = keras.applications.EfficientNetB0(include_top=False, input_shape=(SIZE_PX, SIZE_PX, 3))
    ours = build_backbone("efficientnet_b0", IMAGENET, SIZE_PX)
    assert len(theirs.layers) == len(published.layers) + 1
    for weights, expected in zip(ours.get_weights(), published.get_weights(), strict=True):
        np.testing.assert_array_equal(weights, expected)
    convolved, expected = (
        keras.Model(model.input, model.get_layer("stem_conv").output)(IMAGES) for model in (ours, theirs)
    )
    assert np.std(expected) > 0.1
    np.testing.assert_allclose(convolved, expected, atol=1e-4)


class AskedError(Exception):
    """Keras has said what it asks of a size; it need not build the backbone."""


@pytest.mark.parametrize("name", sorted(APPLICATIONS.keys() - set(MOBILENETS_V3)))
def test_sizes_are_those_that_keras_publishes(name, monkeypatch):
    def asked(*_: object, default_size: int, min_size: int, **__: object) -> None:
        raise AskedError(default_size, min_size)

    monkeypatch.setattr("keras.src.applications.imagenet_utils.obtain_input_shape", asked)
    with pytest.raises(AskedError) as sizes:
        APPLICATIONS[name][0](weights=None)
    known = find(name)
    assert sizes.value.args == (known.image_size_px, known.smallest_px)


@pytest.mark.parametrize("name", MOBILENETS_V3)
def test_mobilenet_v3_tells_its_sizes_when_it_gets_others(name):
    construct, known = APPLICATIONS[name][0], find(name)
    with pytest.raises(ValueError, match=f"must be at least {known.smallest_px}x"):
        construct(weights=None, include_top=False, input_shape=(known.smallest_px - 1, known.smallest_px - 1, 3))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(UserWarning, match=rf"Weights for input shape \({known.image_size_px}, "):
            construct(include_top=False, input_shape=(SIZE_PX, SIZE_PX, 3))


@pytest.mark.parametrize("name", sorted(APPLICATIONS))
def test_keras_publishes_imagenet_weights(name):
    assert inspect.signature(APPLICATIONS[name][0]).parameters["weights"].default == IMAGENET
