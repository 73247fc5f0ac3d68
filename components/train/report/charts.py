"""Where the lines and ticks of the charts by epoch go."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from components.train.history import EpochRow

_LEFT, _TOP, _WIDTH, _HEIGHT = 44.0, 10.0, 420.0, 190.0  # of the plot, in units of the drawing
_TICKS = 5  # at most, but for learning rates
_DECADES = 4  # so far below its peak a learning rate is as good as none
_MANTISSAS = ((1,), (1, 3), (1, 2, 5), tuple(range(1, 10)))  # of learning rates, the coarsest first


@dataclass(frozen=True)
class Tick:
    """A value, and where it is: `at` counts from the left, or from the top."""

    text: str
    at: float


@dataclass(frozen=True)
class Line:
    """One column of the history.

    Attributes:
        name: For people.
        style: `training`, `validation` or `score`.
        points: As the attribute of an SVG polyline.
        x: Of the best epoch.
        y: Likewise.
    """

    name: str
    style: str
    points: str
    x: float
    y: float


@dataclass(frozen=True)
class Boundary:
    """Where a phase begins."""

    phase: str
    x: float


@dataclass(frozen=True)
class Chart:
    """What to draw.

    Attributes:
        title: With the unit.
        left: Of the plot; `top`, `width` and `height` likewise.
        top: See `left`.
        width: See `left`.
        height: See `left`.
        lines: In the order of their names.
        values: Ticks of the vertical axis.
        epochs: Ticks of the horizontal axis.
        boundaries: Where each phase begins, the first one included.
    """

    title: str
    left: float
    top: float
    width: float
    height: float
    lines: tuple[Line, ...]
    values: tuple[Tick, ...]
    epochs: tuple[Tick, ...]
    boundaries: tuple[Boundary, ...]


@dataclass(frozen=True)
class _Column:
    """A line before it is laid out."""

    name: str
    style: str
    values: Sequence[float]


@dataclass(frozen=True)
class _Axis:
    """Values from `low` to `high` on `length` units of the drawing."""

    low: float
    high: float
    length: float

    def __call__(self, value: float) -> float:
        return self.length * (value - self.low) / (self.high - self.low)


def charts(rows: Sequence[EpochRow], best: int) -> tuple[Chart, ...]:
    """Lays out the charts of the loss, of the scores, and of the learning rate.

    Args:
        rows: All epochs.
        best: Index of the best one.
    """
    loss = (
        _Column("training, augmented", "training", [row["loss"] for row in rows]),
        _Column("validation, classes count alike", "validation", [row["val_loss"] for row in rows]),
    )
    scores = (
        _Column("training accuracy", "training", [row["accuracy"] for row in rows]),
        _Column("validation accuracy", "validation", [row["val_accuracy"] for row in rows]),
        _Column("validation macro-F1", "score", [row["val_macro_f1"] for row in rows]),
    )
    return (
        _chart("Cross-entropy (nats)", loss, rows, best, _round_numbers),
        _chart("Accuracy and macro-F1", scores, rows, best, _round_numbers),
        _chart("Learning rate", (_rates(rows),), rows, best, _powers),
    )


def _rates(rows: Sequence[EpochRow]) -> _Column:
    """Returns logarithms: phases differ by powers of ten."""
    least = max(row["learning_rate"] for row in rows) * 10.0**-_DECADES
    logarithms = [math.log10(max(row["learning_rate"], least)) for row in rows]
    return _Column("at the end of the epoch", "training", logarithms)


def _chart(
    title: str,
    columns: Sequence[_Column],
    rows: Sequence[EpochRow],
    best: int,
    ticks: Callable[[_Axis], Iterator[tuple[str, float]]],
) -> Chart:
    y = _vertical([value for column in columns for value in column.values])
    x = _Axis(0.5, len(rows) + 0.5, _WIDTH)
    lines = [
        Line(
            name=column.name,
            style=column.style,
            points=" ".join(f"{_LEFT + x(n):.1f},{_TOP + y(value):.1f}" for n, value in enumerate(column.values, 1)),
            x=_LEFT + x(best + 1),
            y=_TOP + y(column.values[best]),
        )
        for column in columns
    ]
    begins = [n for n in range(len(rows)) if n == 0 or rows[n]["phase"] != rows[n - 1]["phase"]]
    return Chart(
        title=title,
        left=_LEFT,
        top=_TOP,
        width=_WIDTH,
        height=_HEIGHT,
        lines=tuple(lines),
        values=tuple(Tick(text, y(value)) for text, value in ticks(y)),
        epochs=tuple(Tick(text, x(value)) for text, value in _round_numbers(x) if float(text).is_integer()),
        boundaries=tuple(Boundary(rows[n]["phase"], _LEFT + x(n + 0.5)) for n in begins),
    )


def _vertical(values: Sequence[float]) -> _Axis:
    """Returns an axis upwards, with a little room around the values."""
    room = 0.04 * (max(values) - min(values)) or 0.5
    return _Axis(max(values) + room, min(values) - room, _HEIGHT)


def _round_numbers(axis: _Axis) -> Iterator[tuple[str, float]]:
    """Yields multiples of 1, 2 or 5 times a power of ten."""
    low, high = sorted((axis.low, axis.high))
    rough = (high - low) / _TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(step * power for step in (1, 2, 5, 10) if step * power >= rough)
    for number in range(math.ceil(low / step), math.floor(high / step) + 1):
        yield f"{number * step:g}", number * step


def _powers(axis: _Axis) -> Iterator[tuple[str, float]]:
    """Yields logarithms of 1 times a power of ten; of more numbers in between where there are too few."""
    low, high = sorted((axis.low, axis.high))
    for mantissas in _MANTISSAS:
        numbers = [m * 10.0**e for e in range(math.floor(low), math.ceil(high) + 1) for m in mantissas]
        found = [number for number in numbers if low <= math.log10(number) <= high]
        if len(found) > 1:
            break
    yield from ((f"{number:g}", math.log10(number)) for number in found)
