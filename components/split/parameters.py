"""What a caller can set of split, with ranges."""

from typing import Self

from pydantic import BaseModel, Field, model_validator


class SplitParameters(BaseModel, frozen=True, extra="forbid"):
    """Parameters of the split step."""

    validation_fraction: float = Field(0.15, gt=0, lt=0.5, description="share of each class's images for validation")
    test_fraction: float = Field(0.15, gt=0, lt=0.5, description="share of each class's images for test")
    seed: int = Field(0, ge=0, le=2**31 - 1, description="of everything random")

    @model_validator(mode="after")
    def _leaves_images_to_train_on(self) -> Self:
        if (held_out := self.validation_fraction + self.test_fraction) >= 0.8:
            raise ValueError(f"validation_fraction + test_fraction: expected less than 0.8. Received: {held_out:g}.")
        return self
