"""What a caller can set of split, with ranges."""

from typing import Literal, Self

from pydantic import BaseModel, Field, model_validator


class SplitParameters(BaseModel, frozen=True, extra="forbid"):
    """Parameters of the split step."""

    validation_fraction: float = Field(0.15, gt=0, lt=0.5, description="share of each class's images for validation")
    test_fraction: float = Field(0.15, gt=0, lt=0.5, description="share of each class's images for test")
    folds: int = Field(
        0, ge=0, le=20, description="cut what is not test into this many folds, one of them for validation; 0 for none"
    )
    fold: int = Field(0, ge=0, le=19, description="which fold is for validation, counted from 0")
    class_changes: Literal["refuse", "allow"] = Field(
        "refuse", description="what to do when classes are new or gone since the run that wrote the ledger"
    )
    seed: int = Field(0, ge=0, le=2**31 - 1, description="of everything random")

    @model_validator(mode="after")
    def _leaves_images_to_train_on(self) -> Self:
        if (held_out := self.validation_fraction + self.test_fraction) >= 0.8:
            raise ValueError(f"validation_fraction + test_fraction: expected less than 0.8. Received: {held_out:g}.")
        return self

    @model_validator(mode="after")
    def _fold_exists(self) -> Self:
        if self.folds == 1 or self.fold >= max(self.folds, 1):
            raise ValueError(
                f"folds, fold: expected folds of 0 or at least 2, and fold in [0, folds). "
                f"Received: folds {self.folds}, fold {self.fold}."
            )
        return self
