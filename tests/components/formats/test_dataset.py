import json

import pytest

from components._errors import InputError
from components.formats.dataset import MANIFEST, read_dataset, write_dataset


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "0.tfrecord").write_bytes(b"three rows")
    (tmp_path / "1.tfrecord").write_bytes(b"one row")
    write_dataset(tmp_path, "examples", {"sea": 1, "<b>& ü": 3}, {"0.tfrecord": 3, "1.tfrecord": 1}, 256)
    return tmp_path


def _edit(folder, **changes):
    manifest = folder / MANIFEST
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | changes))


def test_what_is_written_is_read(folder):
    dataset = read_dataset(folder, "examples", ["sea", "<b>& ü"])
    assert dataset.rows == 4
    assert dataset.counts == {"sea": 1, "<b>& ü": 3}
    assert [(shard.name, shard.rows) for shard in dataset.shards] == [("0.tfrecord", 3), ("1.tfrecord", 1)]


def test_the_digest_is_of_the_content(folder):
    before = read_dataset(folder, "examples").digest
    (folder / "1.tfrecord").write_bytes(b"another")
    after = write_dataset(folder, "examples", {"sea": 1, "<b>& ü": 3}, {"0.tfrecord": 3, "1.tfrecord": 1}, 256)
    assert after.digest != before


def test_another_label_order_is_refused(folder):
    with pytest.raises(InputError, match="in this order"):
        read_dataset(folder, "examples", ["<b>& ü", "sea"])


def test_another_kind_is_refused(folder):
    with pytest.raises(InputError, match="expected a dataset of images, received one of examples"):
        read_dataset(folder, "images")


def test_an_altered_or_missing_shard_is_refused(folder):
    (folder / "1.tfrecord").write_bytes(b"one roW")
    with pytest.raises(InputError, match=r"1\.tfrecord: expected a shard with sha256"):
        read_dataset(folder, "examples")
    (folder / "1.tfrecord").unlink()
    with pytest.raises(InputError, match="found no file"):
        read_dataset(folder, "examples")


@pytest.mark.parametrize(
    "changes",
    [
        {"format_version": 2},
        {"class_names": ["sea", "sea"]},
        {"class_names": ["<b>& ü", "sea"]},
        {"counts": {"sea": 1, "<b>& ü": 4}},
        {"shards": [{"name": "../0.tfrecord", "rows": 4, "sha256": "0" * 64}]},
        {"unknown": 1},
    ],
)
def test_a_manifest_that_is_not_understood_is_refused(folder, changes):
    _edit(folder, **changes)
    with pytest.raises(InputError, match="expected a manifest of format version 1"):
        read_dataset(folder, "examples")


def test_a_folder_without_a_manifest_is_no_dataset(tmp_path):
    with pytest.raises(InputError, match=r"expected a dataset folder with a dataset\.json, found none"):
        read_dataset(tmp_path, "images")
