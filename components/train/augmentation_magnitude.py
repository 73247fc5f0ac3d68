"""How far a layer of a policy goes: the distance of its arguments from what leaves an image as it is."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Reach:
    """The values that an argument takes.

    Attributes:
        neutral: Leaves an image as it is.
        lowest: Smallest; a single number x is the range from -x, or from here if that is more, to x.
        highest: Largest.
        whole: Whether only whole numbers are taken.
    """

    neutral: float = 0.0
    lowest: float = -1.0
    highest: float = 1.0
    whole: bool = False

    def scaled(self, value: float, magnitude: float) -> float:
        """Returns the value that is `magnitude` times as far from the neutral one, or as far as is taken."""
        moved = min(max(self.neutral + (value - self.neutral) * magnitude, self.lowest), self.highest)
        return round(moved) if self.whole else moved


# By layer and argument. Of all others whose name is `factor` or ends so, 0 leaves an image as it is.
_REACHES = {
    ("RandomSaturation", "factor"): Reach(0.5),
    ("RandomColorJitter", "saturation_factor"): Reach(0.5),
    ("RandomSharpness", "factor"): Reach(0.5, lowest=0.0),
    ("RandomPosterization", "factor"): Reach(8, lowest=1, highest=8, whole=True),
    ("Posterization", "bits"): Reach(8, lowest=1, highest=8, whole=True),
    ("RandomCropAndResize", "crop_area_factor"): Reach(1.0, lowest=0.01),
    ("RandomCropAndResize", "aspect_ratio_factor"): Reach(1.0, lowest=0.1, highest=10.0),
    ("RandomAspectRatio", "factor"): Reach(1.0, lowest=0.1, highest=10.0),
    ("RandomZoom", "height_factor"): Reach(lowest=-0.9, highest=0.9),  # at -1, one pixel would be left
    ("RandomZoom", "width_factor"): Reach(lowest=-0.9, highest=0.9),
}
# Keras scales only the upper end of Solarization's thresholds, so that they begin at 0 whatever is asked for. The other
# two hand one factor to many layers: at 0, rotation does nothing, but posterization and sharpness do most.
_WITHOUT_NEUTRAL = {"AugMix", "RandAugment", "Solarization"}


def reach(layer: str, argument: str) -> Reach | None:
    """Returns which values an argument takes, or None of one that has no magnitude."""
    if layer in _WITHOUT_NEUTRAL:
        return None
    usual = Reach() if argument == "factor" or argument.endswith("_factor") else None
    return _REACHES.get((layer, argument), usual)


def scaled_arguments(layer: str, arguments: Mapping[str, Any], magnitude: float) -> dict[str, Any]:
    """Returns a layer's arguments for a magnitude.

    Args:
        layer: Its name.
        arguments: By name; numbers or pairs of them where there is a magnitude.
        magnitude: 1 leaves them as they are; towards 0, they come to what leaves an image as it is.
    """
    if magnitude == 1:
        return dict(arguments)
    return {name: _scaled(value, magnitude, name, reach(layer, name)) for name, value in arguments.items()}


def scaled_probability(layer: str, probability: float, arguments: Mapping[str, Any], magnitude: float) -> float:
    """Returns how likely an image is changed: at magnitude 0 not at all; without arguments that scale, it does.

    Args:
        layer: Its name.
        probability: At magnitude 1, in [0, 1].
        arguments: The layer's own.
        magnitude: At least 0.
    """
    has_magnitude = any(reach(layer, name) for name in arguments)
    return probability if has_magnitude and magnitude else min(1.0, probability * magnitude)


def _scaled(value: Any, magnitude: float, name: str, taken: Reach | None) -> Any:  # noqa: ANN401 - any argument's
    if taken is None or value is None:
        return value
    if taken.neutral and name.endswith("factor") and isinstance(value, (int, float)):
        value = (max(-value, taken.lowest), value)  # as Keras reads a single number
    if isinstance(value, (list, tuple)):
        return [taken.scaled(end, magnitude) for end in value]
    return taken.scaled(value, magnitude)
