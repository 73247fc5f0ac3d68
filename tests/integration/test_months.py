"""What was tested on does not come back into training, whatever happens to its files from one month to the next."""

import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from PIL import Image, ImageOps

from components.ingest.image_dataset import write_image_dataset
from components.ingest.parameters import IngestParameters
from components.split.assignment import SPLITS
from components.split.parameters import SplitParameters
from components.split.split_datasets import write_split_datasets


@pytest.fixture
def month(tmp_path):
    """Returns what ingests and splits photographs with one ledger, and tells the split of each by its path."""

    def run(photographs: Path, name: str) -> dict[str, str]:
        work = tmp_path / name
        write_image_dataset(str(photographs), work / "images", IngestParameters())
        outputs = {split: work / split for split in SPLITS}
        ledger = str(tmp_path / "ledger.parquet")
        write_split_datasets(work / "images", outputs, work / "ledger", SplitParameters(), "2024-01-31", ledger)
        entries = pq.read_table(work / "ledger" / "ledger.parquet").to_pylist()
        split_of = {image: entry["split"] for entry in entries for image in entry["images"]}
        shards = sorted((work / "images").glob("*.parquet"))
        rows = [row for shard in shards for row in pq.read_table(shard, columns=["id", "source_uri"]).to_pylist()]
        return {row["source_uri"]: split_of[row["id"]] for row in rows}

    return run


def test_pictures_that_are_saved_again_at_half_the_size_keep_their_split(month, sample, tmp_path):
    photographs = tmp_path / "photographs"
    shutil.copytree(sample, photographs)
    first = month(photographs, "january")
    for name in first:
        with Image.open(photographs / name) as file:
            picture = ImageOps.exif_transpose(file).convert("RGB")
        picture.resize((picture.width // 2, picture.height // 2)).save(photographs / name, "JPEG", quality=60)
    second = month(photographs, "february")
    both = first.keys() & second.keys()
    assert len(both) > 0.9 * len(first)
    strictest = {name: max(first[name], second[name], key=SPLITS.index) for name in both}
    assert {name: second[name] for name in both} == strictest
    assert sum(first[name] == "test" for name in both) >= 9
