import json
import struct
import sys

import pyarrow.parquet as pq
import pytest

from components._errors import InputError
from components.formats.dataset import file_sha256, read_dataset, write_dataset
from components.split import example_shards
from components.split.__main__ import main
from components.split.assignment import SPLITS
from components.split.example_shards import shard_count
from components.split.parameters import SplitParameters
from components.split.split_datasets import write_split_datasets

MEMBERS = [("coast", f"c{n // 2}") for n in range(200)] + [("küche 客厅", f"k{n}") for n in range(100)]


def _split(images, folder, seed=0):
    outputs = {split: folder / split for split in SPLITS}
    return write_split_datasets(images, outputs, folder / "ledger", SplitParameters(seed=seed), "2024-02-29")


def _records(folder):
    for shard in read_dataset(folder, "examples").shards:
        data = (folder / shard.name).read_bytes()
        while data:
            (length,) = struct.unpack("<Q", data[:8])
            yield data[12 : 12 + length]
            data = data[12 + length + 4 :]


def _tree(folder):
    return {file.relative_to(folder): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_every_image_is_in_one_split_with_its_group(write_images, tmp_path):
    images = write_images(MEMBERS)
    _split(images, tmp_path / "run")
    ledger = {row["group"]: row for row in pq.read_table(tmp_path / "run" / "ledger" / "ledger.parquet").to_pylist()}
    assert len(ledger) == 200
    assert ledger["c0"] == {**ledger["c0"], "first_seen": "2024-02-29", "labels": ["coast"]}
    rows = [row for n in (0, 1) for row in pq.read_table(images / f"images-{n}.parquet").to_pylist()]
    records = {split: list(_records(tmp_path / "run" / split)) for split in SPLITS}
    assert sum(len(of_split) for of_split in records.values()) == len(rows) == 300
    for row in rows:
        split = ledger[row["group"]]["split"]
        assert sum(row["image"] in record and row["id"].encode() in record for record in records[split]) == 1


def test_shards_are_on_their_way_to_disk_before_the_last_image_is_read(write_images, tmp_path, monkeypatch):
    begun = []
    monkeypatch.setattr(example_shards, "start_writeback", begun.append)
    _split(write_images(MEMBERS), tmp_path / "run")
    assert len(set(begun)) == sum(len(list((tmp_path / "run" / split).glob("*.tfrecord"))) for split in SPLITS)


def test_manifests(write_images, tmp_path):
    split = _split(write_images(MEMBERS), tmp_path / "run")
    for name, counts in {"train": (140, 70), "validation": (30, 15), "test": (30, 15)}.items():
        dataset = read_dataset(tmp_path / "run" / name, "examples")
        assert dataset == split.of[name]
        assert dataset.counts == dict(zip(("coast", "küche 客厅"), counts, strict=True))
        assert dataset.shorter_side_px == 96
    assert [shard.rows for shard in split.of["train"].shards] == [105, 105]


def test_running_again_gives_the_same_bytes_also_for_rows_in_another_order(write_images, tmp_path):
    images = write_images(MEMBERS)
    _split(images, tmp_path / "one")
    before = _tree(tmp_path / "one")
    _split(images, tmp_path / "one")
    assert _tree(tmp_path / "one") == before
    _split(images, tmp_path / "other", seed=1)
    assert _tree(tmp_path / "other") != before


def test_training_examples_are_mixed(write_images, tmp_path):
    _split(write_images(MEMBERS), tmp_path / "run")
    first_hundred = list(_records(tmp_path / "run" / "train"))[:100]
    assert 15 <= sum("küche".encode() in record for record in first_hundred) <= 50  # a third of 210 is küche


def test_a_class_of_one_group_trains_only(write_images, tmp_path):
    split = _split(write_images([*MEMBERS, ("rare", "r"), ("rare", "r")]), tmp_path / "run")
    assert [split.of[name].counts["rare"] for name in SPLITS] == [2, 0, 0]
    assert split.groups == {"coast": 100, "küche 客厅": 100, "rare": 1}


def test_no_split_may_be_empty(write_images, tmp_path):
    images = write_images([("a", "1"), ("a", "2"), ("b", "3"), ("b", "3")])
    with pytest.raises(InputError, match="nothing is left for validation"):
        _split(images, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def _altered(images, change):
    """Rewrites the shards of a dataset, and its manifest to match."""
    dataset = read_dataset(images, "images")
    for shard in dataset.shards:
        pq.write_table(change(pq.read_table(images / shard.name)), images / shard.name)
    write_dataset(images, "images", dataset.counts, {shard.name: shard.rows for shard in dataset.shards}, 96)
    return images


def test_a_wrong_length_is_refused(write_images, tmp_path):
    def change(table):
        lengths = table["image_bytes"].to_pylist()
        lengths[7] += 1
        return table.set_column(table.schema.get_field_index("image_bytes"), "image_bytes", [lengths])

    images = _altered(write_images(MEMBERS), change)
    with pytest.raises(InputError, match=r"images-.\.parquet: expected a JPEG of \d+ bytes in row 7.*Run ingest again"):
        _split(images, tmp_path / "run")
    assert not any((tmp_path / "run").iterdir())


def test_rows_of_an_earlier_version_are_refused(write_images, tmp_path):
    images = _altered(write_images(MEMBERS), lambda table: table.drop_columns(["group_keys"]))
    with pytest.raises(InputError, match=r"Missing: group_keys\. Run ingest again"):
        _split(images, tmp_path / "run")


def test_five_folds_validate_on_everything_but_test_once(write_images, tmp_path):
    images = write_images(MEMBERS)
    seen = {"validation": [], "test": []}
    for fold in range(5):
        outputs = {split: tmp_path / f"fold{fold}" / split for split in SPLITS}
        ledger = tmp_path / f"fold{fold}" / "ledger"
        write_split_datasets(images, outputs, ledger, SplitParameters(folds=5, fold=fold), "2024-02-29")
        assert _tree(ledger) == _tree(tmp_path / "fold0" / "ledger")
        for split, ids in seen.items():
            ids.append({record[-64:] for record in _records(outputs[split])})
        counts = read_dataset(outputs["validation"], "examples").counts
        assert abs(counts["coast"] - 34) <= 2
        assert abs(counts["küche 客厅"] - 17) <= 1
    assert seen["test"] == [seen["test"][0]] * 5
    assert sum(map(len, seen["validation"])) == len(set().union(*seen["validation"])) == 300 - 45


@pytest.mark.parametrize(
    ("rows", "shards"),
    [(1, 1), (127, 1), (128, 2), (787, 8), (2048, 32), (131_072, 32), (131_073, 64), (1_000_000, 256)],
)
def test_shards_can_be_shared_out(rows, shards):
    assert shard_count(rows, rows) == shards


@pytest.mark.parametrize("rows", [4_000_000, 10_000_000, 10**9])
@pytest.mark.parametrize("shares", [(70, 15, 15), (98, 1, 1), (100, 0, 0)])
def test_all_shards_can_be_open_at_once(rows, shares):
    assert sum(shard_count(rows * share // 100, rows) for share in shares) < 900


def test_each_split_says_which_run_wrote_it(write_images, tmp_path):
    images = write_images(MEMBERS)
    outputs = {split: tmp_path / split for split in SPLITS}
    write_split_datasets(images, outputs, tmp_path / "ledger", SplitParameters(folds=2, fold=1), "2024-02-29")
    expected = {"ledger_sha256": file_sha256(tmp_path / "ledger" / "ledger.parquet"), "fold": 1}
    assert [json.loads((folder / "run.json").read_text()) for folder in outputs.values()] == [expected] * 3


def test_the_step_tells_kfp_and_people(write_images, tmp_path, monkeypatch, capsys):
    images = write_images([*MEMBERS, ("rare", "r1"), ("rare", "r2")])
    names = (*SPLITS, "ledger", "report")
    declared = {name: {"artifacts": [{"name": name, "uri": f"/run/{name}"}]} for name in names}
    executor_input = {"outputs": {"outputFile": str(tmp_path / "out.json"), "artifacts": declared}}
    flags = [f"--{name}={tmp_path / name}" for name in names]
    flags += [f"--images={images}", "--seed=3", f"--executor-input={json.dumps(executor_input)}"]
    monkeypatch.setattr(sys, "argv", ["split", *flags])
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "86400")
    main()
    artifacts = json.loads((tmp_path / "out.json").read_text())["artifacts"]
    metadata = artifacts["test"]["artifacts"][0]["metadata"]
    assert metadata["rows"] == 46
    assert metadata["counts"] == {"coast": 30, "küche 客厅": 15, "rare": 1}
    assert metadata["digest"] == read_dataset(tmp_path / "test", "examples").digest
    assert pq.read_table(tmp_path / "ledger" / "ledger.parquet")["first_seen"][0].as_py() == "1970-01-02"
    assert artifacts["report"]["artifacts"][0]["uri"] == "/run/report.html"
    assert (tmp_path / "report.html").read_text().startswith("<!DOCTYPE html>")
    said = [line for line in capsys.readouterr().out.splitlines() if "302 of 302 images" not in line]  # progress
    assert said[0] == "split: warning: class 'rare' has groups of near-duplicates: 2, none for validation; add images"
    assert [line.split()[1:] for line in said[1:]][1] == ["coast", "140", "30", "30"]
    assert "split: no earlier run to compare with: the ledger begins with this data" in said


def test_the_step_says_what_changed(write_images, tmp_path, monkeypatch, capsys):
    one = write_images(MEMBERS, "one")
    two = write_images([*MEMBERS[:-10], ("barn", "b1"), ("barn", "b2"), ("barn", "b3")], "two")
    names = (*SPLITS, "ledger", "report")
    declared = {name: {"artifacts": [{"name": name, "uri": f"/run/{name}"}]} for name in names}
    executor_input = {"outputs": {"outputFile": str(tmp_path / "out.json"), "artifacts": declared}}
    flags = [f"--{name}={tmp_path / name}" for name in names] + [f"--executor-input={json.dumps(executor_input)}"]
    flags += [f"--ledger-uri={tmp_path / 'shared.parquet'}", "--ledger-digest=d", "--class-changes=allow"]
    for images, epoch in ((one, "0"), (two, "86400")):
        monkeypatch.setattr(sys, "argv", ["split", *flags, f"--images={images}"])
        monkeypatch.setenv("SOURCE_DATE_EPOCH", epoch)
        main()
    said = capsys.readouterr().out
    changed = "3 new images and 10 gone, 3 new groups and 10 gone, 0 groups moved"
    assert f"split: since the run of 1970-01-01: {changed}\nsplit: classes new: barn\n" in said
    metadata = json.loads((tmp_path / "out.json").read_text())["artifacts"]["ledger"]["artifacts"][0]["metadata"]
    assert metadata == {
        "groups": 193,
        "ledger_uri": str(tmp_path / "shared.parquet"),
        "ledger_digest": "d",
        "previous_date": "1970-01-01",
        "new_images": 3,
        "vanished_images": 10,
        "new_groups": 3,
        "vanished_groups": 10,
        "moved_groups": 0,
        "new_classes": ["barn"],
        "vanished_classes": [],
    }
