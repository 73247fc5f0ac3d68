"""What random changes were asked for: the name of a preset, or a list of layers as JSON."""

import json
from typing import Any, Literal, get_args

from pydantic import BaseModel, Field, ValidationError

Preset = Literal["none", "light", "default", "strong"]
PRESETS: tuple[Preset, ...] = get_args(Preset)
EXAMPLE = '[{"layer": "RandomFlip", "probability": 0.5, "mode": "horizontal"}]'


class LayerChange(BaseModel, frozen=True, extra="allow"):
    """One layer of a policy; what is left are the layer's own arguments.

    Attributes:
        layer: Its name in `keras.layers`, or in `keras_cv.layers` where Keras has none of that name.
        probability: That an image is changed by it, in [0, 1].
    """

    layer: str
    probability: float = Field(1.0, ge=0, le=1)

    @property
    def arguments(self) -> dict[str, Any]:
        """The layer's own arguments, by name."""
        return self.model_extra or {}


def as_text(policy: object) -> object:
    """Returns a policy that a YAML file gives as a list as the text that parameters are; others as they are."""
    return json.dumps(policy) if isinstance(policy, list) else policy


def read_policy(text: str) -> Preset | list[LayerChange]:
    """Reads a policy.

    Raises:
        ValueError: If it is neither a preset nor a list of layers. Whether there are such layers is not asked here.
    """
    if text in PRESETS:
        return text
    try:
        layers = json.loads(text)
        if not isinstance(layers, list):
            raise TypeError(f"a list, not {type(layers).__name__}")
        return [LayerChange.model_validate(layer) for layer in layers]
    except (ValueError, TypeError) as error:
        why = f" {_what(error)}" if text.lstrip().startswith(("[", "{")) else ""
        raise ValueError(
            f"expected one of {', '.join(PRESETS)}, or a JSON list of layers such as {EXAMPLE}. "
            f"Received: {text!r}.{why}"
        ) from error


def _what(error: Exception) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    [first, *_] = error.errors()
    where = f"{first['loc'][0]}: " if first["loc"] else ""
    return f"{where}{first['msg']}. Received: {first['input']!r}."
