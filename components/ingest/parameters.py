"""What a caller can set of ingest, with ranges."""

from typing import Literal, Self

from pydantic import BaseModel, Field, model_validator

from components.ingest.source.path_patterns import class_reading, group_reading

QualityFlag = Literal["blurred", "dark", "bright", "featureless", "elongated", "small"]


class IngestParameters(BaseModel, frozen=True, extra="forbid"):
    """Parameters of the ingest step."""

    class_pattern: str = Field(
        "**/{class}/*",
        description="where in a file's path its class is: {class} is a folder, * any name, ** any folders",
    )
    group_pattern: str = Field(
        "", description="regular expression on a file's path; files whose first group matches the same text never part"
    )
    class_map: dict[str, str] = Field(
        default_factory=dict, description="folder to class name: renames, and merges folders into one class"
    )
    ignored_folders: list[str] = Field(
        default_factory=list, description="class folders to leave away; * and ? match as in a shell"
    )
    class_names: list[str] = Field(
        default_factory=list, description="the classes there may be, after class_map; empty for any"
    )
    unknown_classes: Literal["error", "other"] = Field(
        "error",
        description="what to do with classes outside class_names: end with an error, or merge them into `other`",
    )
    min_class_images: int = Field(
        3, ge=3, description="usable images that every class needs; one each to train, validate, test"
    )
    max_image_pixels: int = Field(
        178_956_970, ge=2**16, le=2**31 - 1, description="larger images are rejected; Pillow's limit by default"
    )
    image_memory_mb: int = Field(
        270,
        ge=64,
        le=65_536,
        description="memory for large images while they are decoded, all together; one that takes more is rejected",
    )
    image_timeout_s: float = Field(60.0, gt=0, le=3600, description="an image that takes longer to decode is rejected")
    shorter_side_px: int = Field(256, ge=64, le=2048, description="larger images are scaled down to this shorter side")
    dropped_flags: list[QualityFlag] = Field(
        default_factory=list, description="images with any of these quality flags are rejected; by default only flagged"
    )
    near_duplicate_distance: int = Field(
        4, ge=0, le=16, description="bits two perceptual hashes of 64 may differ in to count as the same picture"
    )
    label_conflicts: Literal["drop", "keep_first", "error"] = Field(
        "drop", description="what to do with one image under several labels: drop all, keep the first by path, or end"
    )

    @model_validator(mode="after")
    def _patterns_are_patterns(self) -> Self:
        class_reading(self.class_pattern)
        group_reading(self.group_pattern)
        return self
