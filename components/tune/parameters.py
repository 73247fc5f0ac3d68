"""What a caller can set of tuning, with ranges."""

from typing import Any, Literal, Self

from pydantic import BaseModel, Field, ValidationError, model_validator

from components.train.parameters import TrainParameters
from components.tune.search_space import DEFAULT_SEARCH, Space, parse_space

Pruner = Literal["median", "hyperband", "none"]


class TuneParameters(BaseModel, frozen=True, extra="forbid"):
    """Parameters of the tune step."""

    trials: int = Field(
        20,
        ge=0,
        le=100_000,
        description="trials of the study in total, those of earlier runs and other workers included",
    )
    timeout_minutes: float = Field(
        0.0, ge=0, description="after which no other trial begins; the one under way ends; 0 for no limit"
    )
    study_name: str = Field(
        "", max_length=200, description="name in the storage; by default made of the data and what is searched"
    )
    storage: str = Field(
        "",
        description="SQLAlchemy URL of the database that holds the study, postgresql+psycopg://HOST/DB for example; "
        "all workers that name it share the study; by default a SQLite file in the work folder",
    )
    base: dict[str, Any] = Field(
        {}, description="parameters of train that all trials share; those left out have train's defaults"
    )
    search: list[str] = Field(
        DEFAULT_SEARCH,
        description="parameters of train to search, as NAME, NAME=LOW..HIGH or NAME=A,B,C",
    )
    backbones: list[str] = Field([], description="architectures to choose among; by default, the base's alone")
    trial_head_epochs: int = Field(-1, ge=-1, le=1000, description="head_epochs of a trial; -1: the base's")
    trial_finetune_epochs: int = Field(-1, ge=-1, le=1000, description="finetune_epochs of a trial; -1: the base's")
    pruner: Pruner = Field("median", description="what ends trials that fall behind the others, after any epoch")
    lost_after_s: int = Field(
        60, ge=2, le=3600, description="seconds without a sign of life after which a trial is begun again elsewhere"
    )
    workers: int = Field(1, ge=1, le=256, description="processes on this machine that share the trials, cores and GPUs")
    worker: int = Field(
        0, ge=0, le=100_000, description="number of the first of them among all that share the study: each has its own"
    )
    seed: int = Field(0, ge=0, le=2**31 - 1, description="of the choice of combinations")

    @model_validator(mode="after")
    def _is_a_search_of_trainings(self) -> Self:
        try:
            trial_parameters = self.of_trial({})
        except ValidationError as error:
            raise ValueError(f"base: {_first(error)}") from error
        for backbone in self.backbones:
            _check(trial_parameters, "backbones", {"backbone": backbone})
        space = self.space()
        for dimension in space:
            for value in dimension.ends:
                _check(trial_parameters, "search", {dimension.name: value})
        if not space:
            raise ValueError("search: expected at least one parameter, or several backbones. Received: none.")
        return self

    def of_trial(self, values: dict[str, Any]) -> TrainParameters:
        """Returns what a trial trains with.

        Args:
            values: Of the searched parameters; what is left out is the base's.
        """
        return TrainParameters.model_validate(self.base | self._budget() | values)

    def best(self, values: dict[str, Any]) -> dict[str, Any]:
        """Returns what a training with a trial's values is to be given: without the trials' budget of epochs.

        Whole numbers are whole again, which KFP hands over as fractions.
        """
        named = self.base | values
        parameters = dict(TrainParameters.model_validate(named))
        return {name: parameters[name] for name in named}

    def space(self) -> Space:
        """Returns what is searched; parameters of phases that trials leave out are not."""
        parameters = self.of_trial({})
        unused = {"head": parameters.head_epochs == 0, "finetune": parameters.finetune_epochs == 0}
        space = parse_space(self.search, self.backbones, parameters)
        return tuple(dimension for dimension in space if not unused.get(dimension.name.partition("_")[0], False))

    def _budget(self) -> dict[str, int]:
        epochs = {"head_epochs": self.trial_head_epochs, "finetune_epochs": self.trial_finetune_epochs}
        return {name: number for name, number in epochs.items() if number >= 0}


def _check(parameters: TrainParameters, field: str, values: dict[str, Any]) -> None:
    try:
        TrainParameters.model_validate(parameters.model_dump() | values)
    except ValidationError as error:
        raise ValueError(f"{field}: {_first(error)}") from error


def _first(error: ValidationError) -> str:
    details = error.errors()[0]
    message = details["msg"].removeprefix("Value error, ")
    return (
        f"{'.'.join(map(str, details['loc']))}: {message}. Received: {details['input']!r}."
        if details["loc"]
        else message
    )
