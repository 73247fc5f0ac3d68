"""The rows of an `images` dataset: Parquet, one row an image."""

import pyarrow as pa

IMAGE_SCHEMA = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),  # sha256 of the source bytes, hex
        pa.field("label", pa.string(), nullable=False),  # class name
        pa.field("image", pa.binary(), nullable=False),  # JPEG, RGB, upright
        pa.field("width_px", pa.int32(), nullable=False),
        pa.field("height_px", pa.int32(), nullable=False),
        pa.field("source_uri", pa.string(), nullable=False),
        pa.field("source_width_px", pa.int32(), nullable=False),  # upright, before scaling
        pa.field("source_height_px", pa.int32(), nullable=False),
        pa.field("group", pa.string(), nullable=False),  # images of one group never part in a split
        pa.field("perceptual_hash", pa.uint64(), nullable=False),
    ]
)
