"""Where the points, lines and ticks of the chart of sizes go: width against height, both logarithmic."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from components.ingest.report.sizes import Sizes

_LEFT, _TOP, _SIDE = 46.0, 22.0, 360.0  # of the square plot, in units of the drawing
_MARGIN = 1.2  # around the smallest and the largest side
_TICKS = 4  # at least, where there are as many round numbers
_STEPS = ((10,), (10, 20, 50), (10, 15, 20, 30, 50, 70), tuple(range(10, 100, 5)))  # tenths, the coarsest first
_SHAPES = {"1:1": 1.0, "16:9": 16 / 9, "9:16": 9 / 16, "3:1": 3.0, "1:3": 1 / 3}


@dataclass(frozen=True)
class Point:
    """Images of one size: a circle whose area grows with their number."""

    x: float
    y: float
    radius: float
    width_px: int
    height_px: int
    images: int


@dataclass(frozen=True)
class Tick:
    """A size in pixels, and where it is: `at` counts from the left, and from the bottom."""

    px: int
    at: float


@dataclass(frozen=True)
class ShapeLine:
    """All sizes of one ratio of width to height."""

    name: str
    x1: float
    y1: float
    x2: float
    y2: float


@dataclass(frozen=True)
class SizeChart:
    """What to draw.

    Attributes:
        left: Of the square plot; `top` and `side` likewise.
        top: See `left`.
        side: See `left`.
        points: The larger first, so that they hide no small ones.
        ticks: Alike on both axes.
        shapes: Lines to compare with.
    """

    left: float
    top: float
    side: float
    points: tuple[Point, ...]
    ticks: tuple[Tick, ...]
    shapes: tuple[ShapeLine, ...]


@dataclass(frozen=True)
class _Scale:
    """Pixels to positions, logarithmic."""

    low_px: float
    high_px: float

    def __call__(self, px: float) -> float:
        return _SIDE * math.log(px / self.low_px) / math.log(self.high_px / self.low_px)


def size_chart(sizes: Sizes) -> SizeChart:
    """Lays the chart out."""
    sides = [side for size in sizes.sample for side in (size.width_px, size.height_px)]
    scale = _Scale(min(sides) / _MARGIN, max(sides) * _MARGIN)
    points = [
        Point(
            x=_LEFT + scale(size.width_px),
            y=_TOP + _SIDE - scale(size.height_px),
            radius=2.5 + 15 * math.sqrt((size.images - 1) / sizes.sampled),
            width_px=size.width_px,
            height_px=size.height_px,
            images=size.images,
        )
        for size in sizes.sample
    ]
    return SizeChart(
        left=_LEFT,
        top=_TOP,
        side=_SIDE,
        points=tuple(sorted(points, key=lambda point: -point.radius)),
        ticks=tuple(Tick(px, scale(px)) for px in _ticks(scale)),
        shapes=tuple(_shape_lines(scale)),
    )


def _ticks(scale: _Scale) -> list[int]:
    """Returns round sizes within the scale: a few to each power of ten, more if the scale is short."""
    decades = range(max(0, math.floor(math.log10(scale.low_px))), math.ceil(math.log10(scale.high_px)))
    for steps in _STEPS:
        round_px = {tenths * 10**decade // 10 for decade in decades for tenths in steps}
        ticks = sorted(px for px in round_px if scale.low_px <= px <= scale.high_px)
        if len(ticks) >= _TICKS:
            break
    return ticks


def _shape_lines(scale: _Scale) -> Iterator[ShapeLine]:
    for name, ratio in _SHAPES.items():
        low_px, high_px = scale.low_px * max(ratio, 1), scale.high_px * min(ratio, 1)  # widths, within the square
        if low_px < high_px:
            (x1, y1), (x2, y2) = ((_LEFT + scale(w), _TOP + _SIDE - scale(w / ratio)) for w in (low_px, high_px))
            yield ShapeLine(name, x1, y1, x2, y2)
