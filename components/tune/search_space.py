"""What is searched: an interval or a list of values for each parameter of train."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import UnionType
from typing import Annotated, Any, Literal, Protocol, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from components.train.parameters import TrainParameters

Value = bool | int | float | str


class Trial(Protocol):
    """The part of Optuna's trials that suggests values."""

    def suggest_int(self, name: str, low: int, high: int, *, step: int = 1, log: bool = False) -> int:
        """Returns a whole number."""

    def suggest_float(
        self, name: str, low: float, high: float, *, step: float | None = None, log: bool = False
    ) -> float:
        """Returns a number."""

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:  # noqa: ANN401 - any of the choices
        """Returns one of the choices."""


@dataclass(frozen=True)
class Interval:
    """Numbers from `low` to `high`, both included.

    Attributes:
        name: Of the parameter.
        low: Smallest.
        high: Largest.
        whole: Whether only whole numbers are meant.
        log: Whether equal ratios count as equal distances.
        step: Distance of the values from `low` on; 0 for all numbers.
    """

    name: str
    low: float
    high: float
    whole: bool = False
    log: bool = False
    step: float = 0.0

    @property
    def ends(self) -> tuple[Value, ...]:
        """What has to be valid for all of it to be."""
        return (self._typed(self.low), self._typed(self.high))

    def holds(self, value: Any) -> bool:  # noqa: ANN401 - any parameter's
        """Returns whether it can suggest this value."""
        if isinstance(value, str) or not self.low <= value <= self.high:
            return False
        steps = (value - self.low) / self.step if self.step else 0.0
        return math.isclose(steps, round(steps), abs_tol=1e-9)

    def suggest(self, trial: Trial) -> Value:
        """Returns the value that a trial is to try."""
        if self.whole:
            return trial.suggest_int(self.name, int(self.low), int(self.high), log=self.log)
        return trial.suggest_float(self.name, self.low, self.high, step=self.step or None, log=self.log)

    def _typed(self, value: float) -> Value:
        return int(value) if self.whole else value


@dataclass(frozen=True)
class Choice:
    """One of several values.

    Attributes:
        name: Of the parameter.
        ends: The values.
    """

    name: str
    ends: tuple[Value, ...]

    def holds(self, value: Any) -> bool:  # noqa: ANN401 - any parameter's
        """Returns whether it can suggest this value."""
        return value in self.ends

    def suggest(self, trial: Trial) -> Value:
        """Returns the value that a trial is to try."""
        value: Value = trial.suggest_categorical(self.name, self.ends)
        return value


Dimension = Interval | Choice
Space = tuple[Dimension, ...]

# Steps of a quarter: the frozen backbone's features are computed once for each magnitude that is tried.
MAGNITUDE_STEP = 0.25
# Without "none", which is any of them at strength 0.
_WAYS = ("logit_adjustment", "class_weight", "balanced_sampling", "focal", "crt")
_DEFAULTS: dict[str, Dimension] = {
    dimension.name: dimension
    for dimension in (
        Interval("head_learning_rate", 1e-4, 1e-2, log=True),
        Interval("finetune_learning_rate", 1e-5, 5e-4, log=True),
        Interval("dropout", 0.0, 0.6),
        Choice("head_dense_units", (0, 128, 256, 512)),
        Interval("finetune_layers", 8, 256, whole=True, log=True),
        Choice("imbalance", _WAYS),
        Interval("imbalance_strength", 0.0, 1.0),
        Interval("augmentation_magnitude", 0.0, 2.0, step=MAGNITUDE_STEP),
    )
}
DEFAULT_SEARCH = list(_DEFAULTS)
# Set for all trials alike, or by a parameter of tuning's own.
_FIXED = {
    *("backbone", "weights", "head_epochs", "finetune_epochs", "seed"),
    "monitor",  # trials are compared by macro-F1, of which epochs chosen by anything else have less, if not as much
    *("precision", "xla", "checkpoint_minutes"),  # change how long a training takes, not what comes of it
}
# An interval's values would hardly ever come twice, and each needs the frozen backbone's features computed anew.
_LISTED = {"image_size_px"}


def parse_space(search: Sequence[str], backbones: Sequence[str], base: TrainParameters) -> Space:
    """Reads what is to be searched.

    Args:
        search: Texts `NAME`, `NAME=LOW..HIGH` or `NAME=A,B,C`.
        backbones: To choose among; one or none leaves the base's.
        base: What all trials share; its values join the choices that come with Scenery.

    Returns:
        A dimension for each, in their order.

    Raises:
        ValueError: If a text can't be read, or names a parameter that can't be searched, or one twice.
    """
    space: list[Dimension] = [Choice("backbone", tuple(dict.fromkeys(backbones)))] if backbones else []
    space += [_dimension(text, base) for text in search]
    names = [dimension.name for dimension in space]
    if twice := [name for name in names if names.count(name) > 1]:
        raise ValueError(f"search: expected each parameter once. Received: {twice[0]} {names.count(twice[0])} times.")
    return tuple(space)


def suggest(space: Space, trial: Trial) -> dict[str, Value]:
    """Returns the values that a trial is to try."""
    return {dimension.name: dimension.suggest(trial) for dimension in space}


def holds(space: Space, parameters: Mapping[str, Any]) -> bool:
    """Returns whether the space has this point."""
    return all(dimension.holds(parameters[dimension.name]) for dimension in space)


def _dimension(text: str, base: TrainParameters) -> Dimension:
    name, _, given = (part.strip() for part in text.partition("="))
    field = TrainParameters.model_fields.get(name)
    if field is None or name in _FIXED or not _is_searchable(field):
        names = [name for name, field in TrainParameters.model_fields.items() if _is_searchable(field)]
        raise ValueError(
            f"search: expected one of {', '.join(known for known in names if known not in _FIXED)}. Received: {name!r}."
        )
    if given:
        return _given(name, given, field)
    if name not in _DEFAULTS:
        raise ValueError(f"search: expected {name}=LOW..HIGH or {name}=A,B,C. Received: {text!r}.")
    return _with(_DEFAULTS[name], getattr(base, name))


def _with(dimension: Dimension, value: Value) -> Dimension:
    if isinstance(dimension, Choice) and value not in dimension.ends:
        return replace(dimension, ends=(*dimension.ends, value))
    return dimension


def _is_searchable(field: FieldInfo) -> bool:
    return _number(field) is not None or get_origin(field.annotation) is Literal


def _number(field: FieldInfo) -> type[int] | type[float] | None:
    """Returns which numbers a parameter takes, alone or beside words such as auto; None if it takes none."""
    kinds = get_args(field.annotation) if get_origin(field.annotation) in (Union, UnionType) else (field.annotation,)
    plain = [get_args(kind)[0] if get_origin(kind) is Annotated else kind for kind in kinds]
    return int if int in plain else float if float in plain else None


def _given(name: str, given: str, field: FieldInfo) -> Dimension:
    low, dots, high = given.partition("..")
    if not dots:
        return Choice(name, tuple(_read(name, word, field) for word in given.split(",")))
    if get_origin(field.annotation) is Literal or name in _LISTED:
        raise ValueError(f"search: {name}: expected its values, {name}=A,B,C. Received: {given!r}.")
    first, last = (float(_read(name, word, field)) for word in (low, high))
    if first >= last:
        raise ValueError(f"search: {name}: expected LOW..HIGH with LOW below HIGH. Received: {given!r}.")
    known = _DEFAULTS.get(name)
    usual = known if isinstance(known, Interval) else Interval(name, first, last)
    step = usual.step if usual.step <= last - first else 0.0
    if step:
        last = first + step * math.floor((last - first) / step + 1e-9)
    return Interval(name, first, last, _number(field) is int, usual.log and first > 0, step)


def _read(name: str, word: str, field: FieldInfo) -> Any:  # noqa: ANN401 - a parameter's
    """Reads a value; whether it is in the parameter's range is for train's parameters to say."""
    if get_origin(field.annotation) is Literal:
        choices = {str(choice): choice for choice in get_args(field.annotation)}
        if word.strip() not in choices:
            raise ValueError(f"search: {name}: expected any of {', '.join(choices)}. Received: {word.strip()!r}.")
        return choices[word.strip()]
    number = _number(field) or float
    try:
        return number(word)
    except ValueError as error:
        raise ValueError(
            f"search: {name}: expected values of type {number.__name__}. Received: {word.strip()!r}."
        ) from error
