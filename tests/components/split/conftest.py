"""Datasets of images without a decoder: split never looks into a picture."""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from components.formats.dataset import write_dataset
from components.formats.records import IMAGE_SCHEMA

WriteImages = Callable[..., Path]


@pytest.fixture
def write_images(tmp_path: Path) -> WriteImages:
    """Returns a function that writes an `images` dataset of (label, group) pairs."""

    def write(members: Sequence[tuple[str, str]], name: str = "images", shorter_side_px: int = 96) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        rows = [_row(f"{label}/{group}/{number}", label, group) for number, (label, group) in enumerate(members)]
        half = len(rows) // 2
        for shard, part in (("images-0.parquet", rows[:half]), ("images-1.parquet", rows[half:])):
            pq.write_table(pa.Table.from_pylist(part, schema=IMAGE_SCHEMA), folder / shard)
        labels = sorted({label for label, _ in members})
        counts = {name: sum(label == name for label, _ in members) for name in labels}
        rows_of_shard = {"images-0.parquet": half, "images-1.parquet": len(rows) - half}
        write_dataset(folder, "images", counts, rows_of_shard, shorter_side_px)
        return folder

    return write


def _row(uri: str, label: str, group: str) -> dict[str, object]:
    jpeg = b"jpeg of " + uri.encode()
    numbers = ("width_px", "height_px", "source_width_px", "source_height_px")
    measures = ("sharpness", "brightness", "entropy_bits")
    image_id = hashlib.sha256(uri.encode()).hexdigest()
    return {
        "id": image_id,
        "label": label,
        "image": jpeg,
        "image_bytes": len(jpeg),
        "source_uri": uri,
        "group": group,
        "group_keys": [],
        "perceptual_hash": int(image_id[:16], 16),  # like no other
        "quality_flags": [],
        **dict.fromkeys(numbers, 1),
        **dict.fromkeys(measures, 0.5),
    }
