"""The rows of an `images` dataset: Parquet, one row an image."""

import pyarrow as pa

IMAGE_SCHEMA = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),  # sha256 of the source bytes, hex
        pa.field("label", pa.string(), nullable=False),  # class name
        pa.field("image", pa.binary(), nullable=False),  # JPEG, sRGB, upright
        pa.field("image_bytes", pa.int32(), nullable=False),  # length of `image`: places records before reading it
        pa.field("width_px", pa.int32(), nullable=False),
        pa.field("height_px", pa.int32(), nullable=False),
        pa.field("source_uri", pa.string(), nullable=False),
        pa.field("source_width_px", pa.int32(), nullable=False),  # upright, before scaling
        pa.field("source_height_px", pa.int32(), nullable=False),
        pa.field("group", pa.string(), nullable=False),  # images of one group never part in a split
        # The user's own: a property, a listing. Sorted; several where copies had others, none without one.
        pa.field("group_keys", pa.list_(pa.string()), nullable=False),
        pa.field("perceptual_hash", pa.uint64(), nullable=False),
        pa.field("sharpness", pa.float32(), nullable=False),  # these four: see `ingest/decode/quality.py`
        pa.field("brightness", pa.float32(), nullable=False),  # in [0, 1]
        pa.field("entropy_bits", pa.float32(), nullable=False),  # in [0, 8]
        pa.field("quality_flags", pa.list_(pa.string()), nullable=False),
    ]
)
