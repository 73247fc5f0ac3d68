"""The backbones by name, as plain facts: what loads no Keras may ask which there are."""

from dataclasses import dataclass

from components._errors import InputError

KERAS_HUB = "keras_hub:"  # before the name of a preset
AUTO, IMAGENET, NONE = "auto", "imagenet", "none"
WEIGHT_FILES = (".h5", ".keras")

_PACKAGE = "in the image"
_DOWNLOAD = "download by Keras"


@dataclass(frozen=True)
class Backbone:
    """What is known of a backbone before it is built.

    Attributes:
        name: As the parameter `backbone` takes it.
        million_parameters: Without a classifier, batch normalization's statistics included; at
            `image_size_px` where it depends on the size. None if it is the preset's matter.
        image_size_px: Side of the images that its ImageNet weights were trained on, or that it was made
            for. Others work as well. None if it is the preset's matter.
        pretrained: Where pretrained weights come from; empty if there are none.
        smallest_px: Side of the smallest images that it takes.
        multiple_px: What the side has to be a multiple of.
    """

    name: str
    million_parameters: float | None
    image_size_px: int | None
    pretrained: str
    smallest_px: int = 32
    multiple_px: int = 1


BACKBONES = (
    Backbone("efficientnet_lite0", 3.4, 224, _PACKAGE),
    Backbone("baseline_cnn", 1.0, 224, ""),
    Backbone("vit_small_data", 3.5, 224, "", multiple_px=16),
    Backbone("mobilenet", 3.2, 224, _DOWNLOAD),
    Backbone("mobilenet_v2", 2.3, 224, _DOWNLOAD),
    Backbone("mobilenet_v3_small", 0.9, 224, _DOWNLOAD),
    Backbone("mobilenet_v3_large", 3.0, 224, _DOWNLOAD),
    Backbone("resnet18", 11.2, 224, ""),
    Backbone("resnet18_v2", 11.2, 224, ""),
    Backbone("resnet34", 21.3, 224, ""),
    Backbone("resnet34_v2", 21.3, 224, ""),
    Backbone("resnet50_v2", 23.6, 224, _DOWNLOAD),
    Backbone("resnet101_v2", 42.6, 224, _DOWNLOAD),
    Backbone("xception", 20.9, 299, _DOWNLOAD, smallest_px=71),
    Backbone("vgg16", 14.7, 224, _DOWNLOAD),
    Backbone("vgg19", 20.0, 224, _DOWNLOAD),
    Backbone("efficientnet_b0", 4.0, 224, _DOWNLOAD),
    Backbone("efficientnet_b1", 6.6, 240, _DOWNLOAD),
    Backbone("efficientnet_b2", 7.8, 260, _DOWNLOAD),
    Backbone("efficientnet_b3", 10.8, 300, _DOWNLOAD),
    Backbone("efficientnet_v2_b0", 5.9, 224, _DOWNLOAD),
    Backbone("efficientnet_v2_b1", 6.9, 240, _DOWNLOAD),
    Backbone("efficientnet_v2_b2", 8.8, 260, _DOWNLOAD),
    Backbone("efficientnet_v2_b3", 12.9, 300, _DOWNLOAD),
    Backbone("efficientnet_v2_s", 20.3, 384, _DOWNLOAD),
    Backbone("densenet121", 7.0, 224, _DOWNLOAD),
    Backbone("convnext_tiny", 27.8, 224, _DOWNLOAD),
)
KERAS_HUB_PRESET = Backbone(f"{KERAS_HUB}PRESET", None, None, "KerasHub, hf:// or a folder")

_BY_NAME = {backbone.name: backbone for backbone in BACKBONES}


def backbones() -> tuple[Backbone, ...]:
    """Returns every backbone there is, KerasHub's presets in one row at the end."""
    return *BACKBONES, KERAS_HUB_PRESET


def find(name: str) -> Backbone | None:
    """Returns the backbone of a name, or None."""
    return KERAS_HUB_PRESET if name.startswith(KERAS_HUB) and name != KERAS_HUB else _BY_NAME.get(name)


def check_image_size(name: str, image_size_px: int) -> None:
    """Checks that a backbone takes images of a size; of a preset of KerasHub's, only building it tells.

    Args:
        name: Of a backbone.
        image_size_px: Side of the square input.

    Raises:
        InputError: If it doesn't; says which sizes it takes.
    """
    backbone = find(name)
    if backbone is None or backbone is KERAS_HUB_PRESET:
        return
    if image_size_px < backbone.smallest_px:
        raise InputError(
            f"image_size_px: expected {backbone.smallest_px} or more for {name}. Received: {image_size_px}."
        )
    if beyond := image_size_px % backbone.multiple_px:
        below = image_size_px - beyond
        raise InputError(
            f"image_size_px: expected a multiple of {backbone.multiple_px} for {name}. Received: {image_size_px}. "
            f"The nearest are {below} and {below + backbone.multiple_px}."
        )


def resolved_weights(name: str, weights: str) -> str:
    """Returns what `auto` stands for, pretrained weights where there are any; anything else as it is."""
    if weights != AUTO:
        return weights
    backbone = find(name)
    return IMAGENET if backbone and backbone.pretrained else NONE
