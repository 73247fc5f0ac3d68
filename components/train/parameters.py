"""What a caller can set of training, with ranges."""

from typing import Literal, Self

from pydantic import BaseModel, Field, model_validator


class TrainParameters(BaseModel, frozen=True, extra="forbid"):
    """Parameters of the train step."""

    backbone: Literal["efficientnet_lite0"] = Field("efficientnet_lite0", description="architecture of the features")
    image_size_px: int = Field(224, ge=32, le=1024, multiple_of=32, description="side of the square the model sees")
    batch_size: int = Field(32, ge=1, le=4096, description="images in a step, over all workers")
    augmentation: Literal["none", "light", "default"] = Field("default", description="random changes to train images")
    dropout: float = Field(0.2, ge=0, lt=1, description="share of features dropped before the head")
    label_smoothing: float = Field(0.0, ge=0, lt=1, description="probability mass taken from the true class")
    imbalance: Literal["none", "logit_adjustment"] = Field("logit_adjustment", description="what rare classes get")
    imbalance_strength: float = Field(1.0, ge=0, le=1, description="0: nothing, 1: all classes count the same")
    head_views: int = Field(2, ge=1, le=64, description="augmented views of each image that the head learns from")
    head_epochs: int = Field(30, ge=0, le=1000, description="passes over the views with the backbone frozen")
    head_learning_rate: float = Field(1e-3, gt=0, le=1, description="peak, Adam")
    finetune_epochs: int = Field(6, ge=0, le=1000, description="passes with the last layers unfrozen")
    finetune_learning_rate: float = Field(5e-5, gt=0, le=1, description="peak, Adam")
    finetune_layers: int = Field(60, ge=0, le=10_000, description="how many of the backbone's last layers learn")
    patience: int = Field(10, ge=1, le=1000, description="epochs without a better validation macro-F1 that end a phase")
    seed: int = Field(0, ge=0, le=2**31 - 1, description="of everything random")

    @model_validator(mode="after")
    def _trains_at_all(self) -> Self:
        if self.head_epochs + self.finetune_epochs == 0:
            raise ValueError("head_epochs + finetune_epochs: expected at least 1. Received: 0.")
        return self
