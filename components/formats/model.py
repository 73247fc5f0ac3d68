"""The folder of a trained model: the Keras file, and what a caller has to know to use it."""

import importlib
from pathlib import Path
from typing import Literal

import keras
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from components._errors import InputError

KERAS_FILE = "model.keras"
SPEC_FILE = "model.json"


class ModelSpec(BaseModel):
    """What goes in and what comes out of a trained model.

    The Keras model maps RGB images, uint8 [batch, image_size_px, image_size_px, 3], to logits, float32
    [batch, classes]; normalization is inside.

    Attributes:
        format_version: Version of this format.
        class_names: In the order of the logits.
        image_size_px: Side of the square image.
        shorter_side_px: What a larger image's shorter side is scaled down to before it is made square.
        backbone: The architecture's name.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    format_version: Literal[1] = 1
    class_names: tuple[str, ...] = Field(min_length=2)
    image_size_px: int = Field(ge=32)
    shorter_side_px: int = Field(ge=32)
    backbone: str


def save_model(folder: Path, model: keras.Model, spec: ModelSpec) -> None:
    """Writes a model and its specification into a folder; write it inside `whole_folder`.

    Args:
        folder: To write into.
        model: Of Keras' own layers, or KerasHub's if that is where the backbone comes from: those are all that
            who loads it is sure to have.
        spec: Its specification.
    """
    model.save(folder / KERAS_FILE)
    (folder / SPEC_FILE).write_text(spec.model_dump_json(indent=2) + "\n", encoding="utf-8")


def load_model(folder: Path) -> tuple[keras.Model, ModelSpec]:
    """Reads a model's folder.

    Returns:
        The model for inference and its specification.

    Raises:
        InputError: If the folder holds no model that this version understands.
    """
    try:
        spec = ModelSpec.model_validate_json((folder / SPEC_FILE).read_bytes())
    except (FileNotFoundError, ValidationError) as error:
        raise InputError(
            f"{folder}: expected a trained model with a {SPEC_FILE} of format version 1. Received: {error}. "
            "Give the folder that the train step wrote, or train again with this version of Scenery."
        ) from error
    _load_layers_of(spec.backbone)
    try:
        return keras.models.load_model(folder / KERAS_FILE, compile=False), spec
    except (ValueError, OSError, LookupError) as error:
        raise InputError(
            f"{folder / KERAS_FILE}: expected a whole Keras file. Received: {error}. The artifact was altered or "
            "copied in part: copy it again, or train again."
        ) from error


def _load_layers_of(backbone: str) -> None:
    """Makes Keras know the layers that a backbone consists of, where they are not its own."""
    if not backbone.startswith("keras_hub:"):
        return
    try:
        importlib.import_module("keras_hub")
    except ImportError as error:
        raise InputError(
            f"The model's backbone, {backbone}, consists of KerasHub's layers, and the package keras-hub is not "
            f"installed here ({error}). Install the extra `keras-hub` in every step that loads the model."
        ) from error
