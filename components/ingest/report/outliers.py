"""Images whose quality stands out, the worst first."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import get_args

import numpy as np

from components.ingest.parameters import QualityFlag
from components.ingest.report.columns import Columns, Picture, Reals


@dataclass(frozen=True)
class Outlier:
    """An image with a quality flag.

    Attributes:
        picture: The image.
        value: What it was judged by, with its unit: `brightness 0.04`.
    """

    picture: Picture
    value: str


@dataclass(frozen=True)
class Outliers:
    """All images with one quality flag.

    Attributes:
        flag: Its name.
        images: How many.
        worst: The most extreme of them.
    """

    flag: QualityFlag
    images: int
    worst: tuple[Outlier, ...]


def _shorter_side(numbers: Mapping[str, Reals]) -> Reals:
    return np.minimum(numbers["source_width_px"], numbers["source_height_px"])


def _elongation(numbers: Mapping[str, Reals]) -> Reals:
    return np.maximum(numbers["source_width_px"], numbers["source_height_px"]) / _shorter_side(numbers)


# By flag: how the value is written, the value, and whether a high one is bad.
_MEASURES: dict[QualityFlag, tuple[str, Callable[[Mapping[str, Reals]], Reals], bool]] = {
    "blurred": ("sharpness {:.3g}", lambda numbers: numbers["sharpness"], False),
    "dark": ("brightness {:.2f}", lambda numbers: numbers["brightness"], False),
    "bright": ("brightness {:.2f}", lambda numbers: numbers["brightness"], True),
    "featureless": ("entropy {:.1f} bits", lambda numbers: numbers["entropy_bits"], False),
    "elongated": ("{:.1f} : 1", _elongation, True),
    "small": ("shorter side {:.0f} px", _shorter_side, False),
}


def quality_outliers(columns: Columns, limit: int) -> tuple[Outliers, ...]:
    """Finds the images with each quality flag.

    Args:
        columns: Of the dataset.
        limit: How many images to show of each flag.

    Returns:
        One for each flag that occurs, in the order of `QualityFlag`.
    """
    return tuple(_outliers(columns, flag, limit) for flag in get_args(QualityFlag) if flag in columns.rows_of_flag)


def _outliers(columns: Columns, flag: QualityFlag, limit: int) -> Outliers:
    text, measure, high_is_bad = _MEASURES[flag]
    rows, values = columns.rows_of_flag[flag], measure(columns.numbers)
    badness = values[rows] if high_is_bad else -values[rows]
    worst = rows[np.argsort(-badness, kind="stable")[:limit]]
    pictures = columns.pictures(worst)
    return Outliers(
        flag=flag,
        images=len(rows),
        worst=tuple(Outlier(picture, text.format(values[picture.row])) for picture in pictures),
    )
