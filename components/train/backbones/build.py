"""A backbone by its name."""

import keras

from components.train.backbones.baseline_cnn import baseline_cnn
from components.train.backbones.efficientnet_lite0 import efficientnet_lite0
from components.train.backbones.keras_applications import keras_application
from components.train.backbones.keras_cv_resnet import keras_cv_resnet
from components.train.backbones.keras_hub_preset import keras_hub_preset
from components.train.backbones.table import IMAGENET, KERAS_HUB, NONE, check_image_size
from components.train.backbones.vit_small_data import vit_small_data
from components.train.backbones.weights import load_weights


def build_backbone(name: str, weights: str, image_size_px: int) -> keras.Model:
    """Builds a backbone and loads its weights.

    Args:
        name: One of `table.BACKBONES`, or `keras_hub:PRESET`.
        weights: "imagenet" (of a KerasHub preset: its own), "none", or a file or URL; see `load_weights`.
        image_size_px: Side of the square input.

    Returns:
        A model from RGB float32 in [0, 255], [batch, image_size_px, image_size_px, 3], to features, float32
        [batch, height, width, n]. Normalization is inside.

    Raises:
        InputError: If the weights can't be had or the backbone can't take images of this size.
    """
    check_image_size(name, image_size_px)
    model = _built(name, image_size_px, pretrained=weights == IMAGENET)
    if weights not in (IMAGENET, NONE):
        load_weights(model, weights)
    return model


def _built(name: str, image_size_px: int, *, pretrained: bool) -> keras.Model:
    if name.startswith(KERAS_HUB):
        return keras_hub_preset(name.removeprefix(KERAS_HUB), image_size_px, pretrained=pretrained)
    match name:
        case "efficientnet_lite0":
            return efficientnet_lite0(image_size_px, imagenet=pretrained)
        case "baseline_cnn":
            return baseline_cnn(image_size_px)
        case "vit_small_data":
            return vit_small_data(image_size_px)
        case "resnet18" | "resnet18_v2" | "resnet34" | "resnet34_v2":
            return keras_cv_resnet(name, image_size_px)
        case _:
            return keras_application(name, image_size_px, imagenet=pretrained)
