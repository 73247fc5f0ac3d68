"""Backbones of KerasHub, from its presets, Hugging Face or a folder; KerasHub is installed only by who wants it."""

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
        [batch, height, width, n]; a transformer's tokens are [batch, tokens, 1, n].

    Raises:
        InputError: If KerasHub is not installed, or the preset can't be had or is of no images.
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
        features = backbone(scaled)
    except Exception as error:  # Kaggle, Hugging Face, the file system and Keras each raise their own
        raise InputError(
            f"backbone: expected in keras_hub:{preset} a preset of an image backbone that takes images of "
            f"{image_size_px} px, found: {error}. Give a preset's name, hf://OWNER/NAME or a folder, and the size "
            "it was made for as image_size_px."
        ) from error
    if len(features.shape) == 3:
        features = layers.Reshape((features.shape[1], 1, features.shape[2]))(features)
    return keras.Model(inputs, features, name="keras_hub")
