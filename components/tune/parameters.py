"""What a caller can set of tuning, with ranges."""

from typing import Any, Literal, Self

from pydantic import BaseModel, Field, ValidationError, model_validator

from components.train.augmentation_policy import read_policy
from components.train.parameters import TrainParameters
from components.tune.search_space import DEFAULT_SEARCH, Space, parse_space
from components.tune.storage_url import check_without_password

Pruner = Literal["median", "hyperband", "none"]

# What only one phase of training heeds. The head's phase comes again in crt, which trains a new head.
_OF_THE_HEADS_PHASE = {"head_learning_rate", "head_schedule", "head_views"}
_OF_FINETUNING = {"finetune_learning_rate", "finetune_schedule", "finetune_layers"}
_NO_EPOCHS = "its phase has no epochs"


class TuneParameters(BaseModel, frozen=True, extra="forbid"):
    """Parameters of the tune step."""

    trials: int = Field(
        20,
        ge=0,
        le=100_000,
        description="trials of the study in total, those of earlier runs and other workers included",
    )
    timeout_minutes: float = Field(
        0.0,
        ge=0,
        description="counted by each task from its own start, after which it begins no other trial; the one under way "
        "ends; 0 for no limit",
    )
    study_name: str = Field(
        "", max_length=200, description="name in the storage; by default made of the data and what is searched"
    )
    storage: str = Field(
        "",
        description="SQLAlchemy URL of the database that holds the study, postgresql+psycopg://USER@HOST/DB for "
        "example, without a password; all workers that name it share the study; by default a SQLite file in the work "
        "folder",
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
        0,
        ge=0,
        le=100_000,
        description="number of the first of them; the others count on: which GPU each takes; above 0 needs a storage",
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
        self._check_that_it_is_heeded()
        if not space:
            received = f"only {self.left_out()}" if self.unheeded() else "none"
            raise ValueError(f"search: expected at least one parameter, or several backbones. Received: {received}.")
        return self

    @model_validator(mode="after")
    def _shares_its_trials(self) -> Self:
        if self.worker and not self.storage:
            raise ValueError(
                f"storage: expected the URL of a database that all workers reach, for worker is {self.worker}: without "
                "one, each runs all the trials in a file of its own. Name the same storage for all of them, or leave "
                "worker out."
            )
        return self

    @model_validator(mode="after")
    def _is_a_database_without_a_password(self) -> Self:
        check_without_password(self.storage)
        return self

    def of_trial(self, values: dict[str, Any]) -> TrainParameters:
        """Returns what a trial trains with.

        Args:
            values: Of the searched parameters; what is left out is the base's.
        """
        return TrainParameters.model_validate(self._shared() | self._budget() | values)

    def best(self, values: dict[str, Any]) -> dict[str, Any]:
        """Returns what a training with a trial's values is to be given: without the trials' budget of epochs.

        Whole numbers are whole again, which KFP hands over as fractions.
        """
        named = self._shared() | values
        parameters = dict(TrainParameters.model_validate(named))
        return {name: parameters[name] for name in named}

    def space(self) -> Space:
        """Returns what is searched, without what no trial heeds."""
        unheeded = self.unheeded()
        return tuple(dimension for dimension in self._given_space() if dimension.name not in unheeded)

    def unheeded(self) -> dict[str, str]:
        """Returns which parameters are named in `search` but not searched, because no trial heeds them, and why."""
        base, given = self.of_trial({}), self._given_space()
        choices = {dimension.name: dimension.ends for dimension in given}
        imbalance = choices.get("imbalance", (base.imbalance,))
        why: dict[str, str] = {}
        if base.head_epochs == 0 and "crt" not in imbalance:
            why |= dict.fromkeys(_OF_THE_HEADS_PHASE, _NO_EPOCHS)
        if base.finetune_epochs == 0:
            why |= dict.fromkeys(_OF_FINETUNING, _NO_EPOCHS)
        if read_policy(base.augmentation) in ("none", []):
            why["augmentation_magnitude"] = f"augmentation is {base.augmentation}"
        if set(imbalance) == {"none"}:
            why["imbalance_strength"] = "imbalance is none"
        return {name: why[name] for name in choices if name in why}

    def left_out(self) -> str:
        """Returns the same in words; "" if all that is named is searched."""
        return ", ".join(f"{name} ({why})" for name, why in self.unheeded().items())

    def _check_that_it_is_heeded(self) -> None:
        """Refuses what was asked for in vain; of phases without epochs, trials may well know nothing."""
        in_vain = {name: why for name, why in self.unheeded().items() if why != _NO_EPOCHS}
        if in_vain and self.search != DEFAULT_SEARCH:
            received = ", ".join(f"{name} ({why})" for name, why in in_vain.items())
            raise ValueError(
                f"search: expected parameters that trials heed. Received: {received}. Leave out what is not heeded, "
                "or change base."
            )

    def _given_space(self) -> Space:
        return parse_space(self.search, self.backbones, self.of_trial({}))

    def _shared(self) -> dict[str, Any]:
        """Returns the base; where magnitudes are searched, `light`, which has none, as what it is: `default` at 0."""
        searched = any(text.partition("=")[0].strip() == "augmentation_magnitude" for text in self.search)
        if not searched or TrainParameters.model_validate(self.base).augmentation != "light":
            return self.base
        return self.base | {"augmentation": "default", "augmentation_magnitude": 0.0}

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
