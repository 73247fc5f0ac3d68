"""What a caller can set of ingest, with ranges."""

from pydantic import BaseModel, Field


class IngestParameters(BaseModel, frozen=True, extra="forbid"):
    """Parameters of the ingest step."""

    shorter_side_px: int = Field(256, ge=64, le=2048, description="larger images are scaled down to this shorter side")
    near_duplicate_distance: int = Field(
        4, ge=0, le=16, description="bits two perceptual hashes of 64 may differ in to count as the same picture"
    )
