"""What a caller can set of evaluate, with ranges."""

from pydantic import BaseModel, Field


class EvaluateParameters(BaseModel, frozen=True, extra="forbid"):
    """Parameters of the evaluate step: what a model must reach to be exported."""

    min_macro_f1: float = Field(0.6, ge=0, le=1, description="lowest macro-F1 on the test images")
    min_recall: float = Field(0.2, ge=0, le=1, description="lowest recall of any class with enough test images")
    min_support: int = Field(5, ge=1, le=1_000_000, description="test images from which on a class is held to it")
