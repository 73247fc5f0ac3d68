"""A dataset of images written by hand: each row says what the test wants it to."""

import hashlib
import io
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from components.formats.dataset import write_dataset
from components.formats.records import IMAGE_SCHEMA
from components.ingest.rejected import Rejected
from components.ingest.source.class_map import ClassMap, write_class_map

ALL_AS_THEY_ARE = ClassMap({}, [], {}, {}, [])


def write_images_artifact(
    folder: Path,
    rows: Sequence[dict[str, Any]],
    rejected: Sequence[Rejected] = (),
    shard_rows: int = 4,
    folders: ClassMap = ALL_AS_THEY_ARE,
    near_duplicate_distance: int = 0,
) -> Path:
    """Writes what ingest would, in small shards; rows are given by their labels and whatever else matters.

    Images of one group look alike, and like no other, unless their hashes are given.
    """
    folder.mkdir(parents=True)
    filled = [_row(number, **row) for number, row in enumerate(rows)]
    rows_of_shard = {}
    for first in range(0, len(filled), shard_rows):
        table = pa.Table.from_pylist(filled[first : first + shard_rows], schema=IMAGE_SCHEMA)
        name = f"images-{first:05d}.parquet"
        pq.write_table(table, folder / name, row_group_size=shard_rows - 1)
        rows_of_shard[name] = len(table)
    labels = [row["label"] for row in filled]
    counts = {label: labels.count(label) for label in sorted(set(labels))}
    write_dataset(
        folder, "images", counts, rows_of_shard, shorter_side_px=256, near_duplicate_distance=near_duplicate_distance
    )
    lines = [json.dumps(asdict(file)) + "\n" for file in rejected]
    (folder / "rejected.jsonl").write_text("".join(lines), encoding="utf-8")
    write_class_map(folder, folders)
    return folder


def _row(number: int, label: str, size_px: tuple[int, int] = (40, 30), **columns: Any) -> dict[str, Any]:
    stream = io.BytesIO()
    Image.new("RGB", size_px, (number * 37 % 256, number * 91 % 256, 120)).save(stream, "JPEG")
    image_id = hashlib.sha256(str(number).encode()).hexdigest()
    return {
        "id": image_id,
        "label": label,
        "image": stream.getvalue(),
        "image_bytes": len(stream.getvalue()),
        "width_px": size_px[0],
        "height_px": size_px[1],
        "source_uri": f"{label}/{number}.jpg",
        "source_width_px": 10 * size_px[0],
        "source_height_px": 10 * size_px[1],
        "group": image_id,
        "group_keys": [],
        "perceptual_hash": int(hashlib.sha256(columns.get("group", image_id).encode()).hexdigest()[:16], 16),
        "sharpness": 100.0,
        "brightness": 0.5,
        "entropy_bits": 7.0,
        "quality_flags": [],
    } | columns
