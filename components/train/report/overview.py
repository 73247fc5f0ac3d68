"""How a training went, for people: read from its history alone."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components._errors import InputError
from components.train.batch_size import BatchSize
from components.train.history import HISTORY_FILE, ClassExposure, EpochRow, History, merit, read_history
from components.train.parameters import Monitor, TrainParameters
from components.train.speed import Speed

_MEASURES: Mapping[Monitor, str] = {"macro_f1": "macro-F1", "accuracy": "accuracy"}
_BATCH_SIZE = "batch_size"
_NOTHING_S = 0.5  # of phases that learn from images


@dataclass(frozen=True)
class Part:
    """A part of the training, and how long it took.

    Attributes:
        name: Of the phase, or `features`, which a head needs before it can learn.
        epochs: Number of them; 0 for what is no phase.
        seconds: Of all its epochs, validation included.
    """

    name: str
    epochs: int
    seconds: float


@dataclass(frozen=True)
class ExposureTable:
    """How much some phases, all alike, learned from each class.

    Attributes:
        phases: Their names.
        classes: By name, the rarest first.
    """

    phases: tuple[str, ...]
    classes: Mapping[str, ClassExposure]


@dataclass(frozen=True)
class ChangedParameter:
    """A parameter that is not at its default.

    Attributes:
        name: Of the parameter.
        value: What it was.
        default: What it would have been; None if this version knows no such parameter.
    """

    name: str
    value: Any
    default: Any


@dataclass(frozen=True)
class TrainingOverview:
    """What there is to say of a training.

    Attributes:
        history: What it wrote.
        parts: In their order.
        exposures: In the order of the phases.
        changed: The parameters that are not at their defaults.
        speeds: How steps and features were computed, by phase.
        batch_size: How it was found; None if it was given.
    """

    history: History
    parts: tuple[Part, ...]
    exposures: tuple[ExposureTable, ...]
    changed: tuple[ChangedParameter, ...]
    speeds: Mapping[str, Speed]
    batch_size: BatchSize | None

    @property
    def best(self) -> EpochRow:
        """The epoch whose weights the model has."""
        return self.history.best

    @property
    def best_number(self) -> int:
        """Of the best epoch, counted from 1 over all phases."""
        return self.history.epochs.index(self.best) + 1

    @property
    def measure(self) -> str:
        """What chose the best epoch, for people."""
        return _MEASURES[self.history.monitor]

    @property
    def best_score(self) -> float:
        """What the best epoch has of it."""
        return self.score(self.best)

    def score(self, row: EpochRow) -> float:
        """Returns what an epoch has of it."""
        return merit(row, self.history.monitor)[0]

    @property
    def seconds(self) -> float:
        """Of all parts."""
        return sum(part.seconds for part in self.parts)


def read_overview(folder: Path) -> TrainingOverview:
    """Reads what train has written. The same history gives the same overview.

    Args:
        folder: The `history` of train.

    Raises:
        InputError: If it is no history that this version understands.
    """
    return overview_of(read_history(folder))


def overview_of(history: History) -> TrainingOverview:
    """Sums a history up.

    Raises:
        InputError: If it tells of its speed in a way that this version does not understand.
    """
    speeds, batch_size = _speeds(history)
    return TrainingOverview(
        history=history,
        parts=tuple(_parts(history)),
        exposures=tuple(_exposures(history)),
        changed=tuple(_changed(history.parameters)),
        speeds=speeds,
        batch_size=batch_size,
    )


def _parts(history: History) -> Iterator[Part]:
    if (seconds := sum(history.setup_seconds.values())) > _NOTHING_S:
        yield Part("features", 0, seconds)
    for phase in dict.fromkeys(row["phase"] for row in history.epochs):
        rows = [row for row in history.epochs if row["phase"] == phase]
        yield Part(phase, len(rows), sum(row["seconds"] for row in rows))


def _exposures(history: History) -> Iterator[ExposureTable]:
    """Yields each table once, with all the phases that it holds for."""
    told: list[str] = []
    for phase, classes in history.exposure.items():
        alike = tuple(other for other, of_other in history.exposure.items() if of_other == classes)
        if phase not in told:
            yield ExposureTable(alike, dict(sorted(classes.items(), key=lambda item: item[1]["images"])))
        told += alike


def _speeds(history: History) -> tuple[dict[str, Speed], BatchSize | None]:
    found = history.speed.get(_BATCH_SIZE)
    try:
        speeds = {phase: Speed.of(facts) for phase, facts in history.speed.items() if phase != _BATCH_SIZE}
        return speeds, BatchSize.of(found) if found else None
    except (KeyError, TypeError) as error:
        raise InputError(
            f"{HISTORY_FILE}: expected under `speed` what this version measures. Received: {history.speed} "
            f"({error!r}). Train again with this version of Scenery."
        ) from error


def _changed(parameters: Mapping[str, Any]) -> Iterator[ChangedParameter]:
    defaults = TrainParameters.model_validate({}).model_dump()
    for name, value in parameters.items():
        if value != defaults.get(name):
            yield ChangedParameter(name, value, defaults.get(name))
