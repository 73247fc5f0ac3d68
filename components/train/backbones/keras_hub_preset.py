"""Backbones of KerasHub, from its presets, Hugging Face or a folder; KerasHub is installed only by who wants it."""

from collections.abc import Mapping
from typing import Any

import keras
from keras import layers

from components._errors import InputError


def keras_hub_preset(preset: str, image_size_px: int, *, pretrained: bool) -> keras.Model:
    """Builds a backbone and, in front of it, the scaling of colours that the preset's images get.

    Args:
        preset: A preset's name, a handle such as "hf://keras/vit_tiny_patch16_224_imagenet", or a folder.
        image_size_px: Side of the square input.
        pretrained: Whether to load the preset's weights; random ones otherwise.

    Returns:
        A model from RGB in [0, 255], [batch, image_size_px, image_size_px, 3], to features, float32
        [batch, height, width, n]; a transformer's tokens are [batch, tokens, 1, n]. Of several feature maps, by name
        as HGNetV2 gives its stages, it is the coarsest.

    Raises:
        InputError: If KerasHub is not installed, or the preset can't be had, is of no images or gives no features.
    """
    try:
        from keras_hub import layers as hub_layers  # noqa: PLC0415 - optional
        from keras_hub import models as hub_models  # noqa: PLC0415
    except ImportError as error:
        raise InputError(
            f"backbone: keras_hub:{preset} needs the package keras-hub, which is not installed ({error}). "
            "Install the extra `keras-hub`, or choose another backbone; `scenery backbones` lists them."
        ) from error
    try:
        backbone = hub_models.Backbone.from_preset(preset, load_weights=pretrained)
        converter = hub_layers.ImageConverter.from_preset(preset)
        inputs = keras.Input((image_size_px, image_size_px, 3))
        scaled = layers.Rescaling(converter.scale or 1.0, converter.offset or 0.0)(inputs)
        given = backbone(scaled)
    except Exception as error:  # Kaggle, Hugging Face, the file system and Keras each raise their own
        raise InputError(
            f"backbone: expected in keras_hub:{preset} a preset of an image backbone that takes images of "
            f"{image_size_px} px, found: {error}. Give a preset's name, hf://OWNER/NAME or a folder, and the size "
            "it was made for as image_size_px."
        ) from error
    features = _features(given, preset)
    if len(features.shape) == 3:
        features = layers.Reshape((features.shape[1], 1, features.shape[2]))(features)
    return keras.Model(inputs, features, name="keras_hub")


def _features(given: Any, preset: str) -> keras.KerasTensor:  # noqa: ANN401 - whatever a backbone gives
    """Returns a feature map, the coarsest (the later, of equals) if there are several by name; or tokens."""
    if isinstance(given, Mapping) and given and all(_rank(each) == 4 for each in given.values()):
        return min(reversed(list(given.values())), key=lambda each: each.shape[1] * each.shape[2])
    if _rank(given) in (3, 4):
        return given
    raise InputError(
        f"backbone: expected of keras_hub:{preset} a feature map [batch, height, width, n], several by name, or tokens "
        f"[batch, tokens, n], found: {_shapes(given)}. Choose a preset of an image classifier's backbone."
    )


def _rank(given: Any) -> int:  # noqa: ANN401 - as above
    return len(given.shape) if isinstance(given, keras.KerasTensor) else 0


def _shapes(given: Any) -> str:  # noqa: ANN401 - as above
    return str(keras.tree.map_structure(lambda each: list(getattr(each, "shape", [])), given))
