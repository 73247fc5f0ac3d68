import io
import json

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from components._errors import InputError
from components.formats.dataset import read_dataset
from components.formats.records import IMAGE_SCHEMA
from components.ingest import shards
from components.ingest.decode import images as decode_images
from components.ingest.image_dataset import write_image_dataset
from components.ingest.parameters import IngestParameters

KITCHEN = '<script>"küche" 客厅'


def _ingest(source, images, **parameters):
    return write_image_dataset(str(source), images, IngestParameters(**parameters))


def _rejected(images):
    lines = (images / "rejected.jsonl").read_text(encoding="utf-8").splitlines()
    return {line["source_uri"]: line["reason"] for line in map(json.loads, lines)}


def _rows(images):
    """The rows of a dataset of one shard, by source."""
    rows = pq.read_table(images / "images-00000.parquet").to_pylist()
    return {row["source_uri"]: row for row in rows}


def test_rows(source, picture, tmp_path):
    (source / "coast" / "9.png").write_bytes(picture(99, (300, 200), "PNG"))
    _ingest(source, tmp_path / "images", shorter_side_px=64)
    dataset = read_dataset(tmp_path / "images", "images")
    assert dataset.counts == {KITCHEN: 4, "coast": 5}
    assert dataset.shorter_side_px == 64
    assert pq.read_schema(tmp_path / "images" / "images-00000.parquet").equals(IMAGE_SCHEMA)
    row = _rows(tmp_path / "images")["coast/9.png"]
    assert (row["source_width_px"], row["source_height_px"]) == (300, 200)
    assert (row["width_px"], row["height_px"]) == (96, 64)
    assert Image.open(io.BytesIO(row["image"])).size == (96, 64)
    assert row["label"] == "coast"
    assert row["group"] == row["id"]
    assert row["group_keys"] == []
    assert row["image_bytes"] == len(row["image"])


def test_the_same_source_gives_the_same_bytes(source, tmp_path, monkeypatch):
    for name, workers in (("one", 1), ("many", 7)):
        monkeypatch.setattr(decode_images, "processors", lambda workers=workers: workers)
        _ingest(source, tmp_path / name)
    files = sorted(file.name for file in (tmp_path / "one").iterdir())
    assert files == ["class_map.json", "dataset.json", "images-00000.parquet", "rejected.jsonl"]
    for name in files:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "many" / name).read_bytes()


def test_shards_end_when_they_are_full(source, tmp_path, monkeypatch):
    monkeypatch.setattr(shards, "SHARD_ROWS", 3)
    _ingest(source, tmp_path / "images")
    assert [shard.rows for shard in read_dataset(tmp_path / "images", "images").shards] == [3, 3, 2]


def test_what_cannot_be_used_is_listed_with_a_reason(source, picture, tmp_path):
    coast = source / "coast"
    (coast / "cut.jpg").write_bytes(picture(50)[:-300])
    (coast / "cut.png").write_bytes(picture(50, file_format="PNG")[:-300])
    (coast / "page.jpg").write_bytes(b"<!DOCTYPE html><html></html>")
    (coast / "empty.jpg").write_bytes(b"")
    (coast / "dangling.jpg").symlink_to("nowhere.jpg")
    (coast / "long.png").write_bytes(_png(70_000, 64))
    (coast / "readme.txt").write_text("")
    ingested = _ingest(source, tmp_path / "images")
    reasons = _rejected(tmp_path / "images")
    assert list(reasons) == sorted(reasons)
    assert {uri.removeprefix("coast/"): reason.split(":")[0] for uri, reason in reasons.items()} == {
        "cut.jpg": "damaged JPEG",
        "cut.png": "damaged PNG",
        "dangling.jpg": "FileNotFoundError",
        "empty.jpg": "empty file",
        "long.png": "70000 x 64 pixels",
        "page.jpg": "not an image",
        "readme.txt": "its suffix '.txt' is not an image's",
    }
    assert ingested.rejected.number == 7
    assert ingested.dataset.counts["coast"] == 4


def _png(width_px, height_px):
    stream = io.BytesIO()
    Image.new("RGB", (width_px, height_px)).save(stream, "PNG")
    return stream.getvalue()


def test_copies_within_a_class_count_once_and_between_classes_not_at_all(source, picture, tmp_path):
    (source / "coast" / "0 (copy).jpg").write_bytes((source / "coast" / "0.jpg").read_bytes())
    for name in ("coast", KITCHEN):
        (source / name / "both.jpg").write_bytes(picture(77))
    ingested = _ingest(source, tmp_path / "images")
    reasons = _rejected(tmp_path / "images")
    assert reasons["coast/0.jpg"] == "exact duplicate of 'coast/0 (copy).jpg'"
    assert list(reasons) == [f"{KITCHEN}/both.jpg", "coast/0.jpg", "coast/both.jpg"]
    assert "the same image under several labels" in reasons["coast/both.jpg"]
    assert f"{KITCHEN}/both.jpg" in reasons["coast/both.jpg"]
    assert ingested.dataset.counts == {KITCHEN: 4, "coast": 4}


def _with_a_conflict(source, picture):
    for name in ("coast", KITCHEN):
        (source / name / "both.jpg").write_bytes(picture(77))


def test_of_a_label_conflict_the_first_may_be_kept(source, picture, tmp_path):
    _with_a_conflict(source, picture)
    ingested = _ingest(source, tmp_path / "images", label_conflicts="keep_first")
    assert ingested.dataset.counts == {KITCHEN: 5, "coast": 4}
    assert [(file.source_uri, file.kind) for file in ingested.rejected.first] == [("coast/both.jpg", "label conflict")]


def test_a_label_conflict_may_end_the_step(source, picture, tmp_path):
    _with_a_conflict(source, picture)
    with pytest.raises(InputError, match=r"(?s)--label-conflicts error: .* found 1 .*coast/both\.jpg"):
        _ingest(source, tmp_path / "images", label_conflicts="error")
    assert not (tmp_path / "images").exists()


def test_a_placeholder_in_many_folders_is_one_short_reason(source, picture, tmp_path):
    for number in range(20):
        for name in ("coast", KITCHEN):
            (source / name / f"no photo {number:02d}.jpg").write_bytes(picture(77))
    ingested = _ingest(source, tmp_path / "images")
    [reason] = set(_rejected(tmp_path / "images").values())
    assert ingested.rejected.number == 40
    assert f"'{KITCHEN}/no photo 00.jpg', 'coast/no photo 00.jpg' and 38 more; keep it in one class folder" in reason


def test_near_duplicates_share_a_group(source, tmp_path):
    with Image.open(source / "coast" / "0.jpg") as image:
        image.resize((48, 40)).save(source / "coast" / "small.jpg", quality=60)
    ingested = _ingest(source, tmp_path / "images")
    group = {uri: row["group"] for uri, row in _rows(tmp_path / "images").items()}
    assert group["coast/0.jpg"] == group["coast/small.jpg"]
    assert ingested.groups == len(set(group.values())) == 8


def test_a_key_in_the_path_makes_a_group(source, picture, tmp_path):
    for number, name in enumerate(("listing-7 a.jpg", "listing-7 b.jpg", "listing-8.jpg")):
        (source / "coast" / name).write_bytes(picture(60 + number))
    _ingest(source, tmp_path / "images", group_pattern=r"listing-(\d+)")
    rows = _rows(tmp_path / "images")
    assert rows["coast/listing-7 a.jpg"]["group"] == rows["coast/listing-7 b.jpg"]["group"]
    assert rows["coast/listing-7 a.jpg"]["group"] != rows["coast/listing-8.jpg"]["group"]
    assert rows["coast/listing-8.jpg"]["group_keys"] == ["8"]
    assert rows["coast/0.jpg"]["group_keys"] == []


def test_a_copy_in_two_properties_ties_them_together(source, picture, tmp_path):
    for number, name in enumerate(("listing-1 a.jpg", "listing-1 b.jpg", "listing-2 b.jpg")):
        (source / "coast" / name).write_bytes(picture(60 + number))
    (source / "coast" / "listing-2 a.jpg").write_bytes((source / "coast" / "listing-1 a.jpg").read_bytes())
    _ingest(source, tmp_path / "images", group_pattern=r"listing-(\d+)")
    rows = _rows(tmp_path / "images")
    assert "coast/listing-2 a.jpg" not in rows
    assert rows["coast/listing-1 b.jpg"]["group"] == rows["coast/listing-2 b.jpg"]["group"]
    assert rows["coast/listing-1 a.jpg"]["group_keys"] == ["1", "2"]
    assert rows["coast/listing-1 b.jpg"]["group_keys"] == ["1"]


def test_too_few_images_of_a_class(source, tmp_path):
    (source / "coast" / "0.jpg").unlink()
    (source / "coast" / "1.jpg").write_bytes(b"broken")
    with pytest.raises(InputError, match=r"(?s)'coast': 2 of 3\. Add images.*coast/1\.jpg: not an image"):
        _ingest(source, tmp_path / "images")
    assert not (tmp_path / "images").exists()


def test_a_class_of_too_few_files_is_refused_before_anything_is_decoded(source, tmp_path, capsys):
    (source / "attic").mkdir()
    (source / "attic" / "1.jpg").write_bytes(b"")
    with pytest.raises(InputError, match="at least 3 usable images of every class, found 'attic': 1 of 1"):
        _ingest(source, tmp_path / "images")
    assert capsys.readouterr().out == ""


def test_a_source_of_one_class_is_refused(source, tmp_path):
    with pytest.raises(InputError, match="files of at least 2 classes, found 'coast'"):
        _ingest(source, tmp_path / "images", ignored_folders=["<*"])


def test_a_group_pattern_that_meets_nothing_is_told(source, tmp_path):
    [line] = _ingest(source, tmp_path / "images", group_pattern="listing").classes.unused
    assert line.startswith("--group-pattern: 'listing' meets nothing, ")


def test_the_minimum_of_a_class_may_be_raised(source, tmp_path):
    with pytest.raises(InputError, match="at least 5 usable"):
        _ingest(source, tmp_path / "images", min_class_images=5)


def test_flagged_images_are_counted_and_kept_unless_asked(source, tmp_path):
    for number in range(3):
        Image.new("RGB", (96, 80), (number, 0, 0)).save(source / "coast" / f"night {number}.png")
    ingested = _ingest(source, tmp_path / "kept")
    flags = {uri: row["quality_flags"] for uri, row in _rows(tmp_path / "kept").items()}
    assert [uri for uri in sorted(flags) if "dark" in flags[uri]] == [f"coast/night {n}.png" for n in range(3)]
    assert ingested.flagged == sum(map(bool, flags.values()))
    ingested = _ingest(source, tmp_path / "dropped", dropped_flags=["dark"])
    assert {file.kind for file in ingested.rejected.first} == {"poor quality"}
    assert ingested.rejected.number == 3


def test_a_class_of_which_nothing_can_be_read_is_not_overlooked(source, tmp_path):
    (source / "phone").mkdir()
    for number in range(3):
        (source / "phone" / f"{number}.heic").write_bytes(b"\0\0\0\x18ftypheic")
    with pytest.raises(InputError, match="'phone': 0 of 3"):
        _ingest(source, tmp_path / "images")


def test_a_folder_without_images_is_no_class(source, tmp_path):
    (source / "labels").mkdir()
    (source / "labels" / "1.json").write_text("{}")
    assert _ingest(source, tmp_path / "images").dataset.class_names == (KITCHEN, "coast")


def test_the_stored_image_looks_like_its_source(source, tmp_path):
    _ingest(source, tmp_path / "images")
    for row in _rows(tmp_path / "images").values():
        stored = np.asarray(Image.open(io.BytesIO(row["image"])), np.int16)
        original = np.asarray(Image.open(source / row["source_uri"]), np.int16)
        assert np.abs(stored - original).mean() < 2
