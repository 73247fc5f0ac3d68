"""Where a run's data is, and what containers have to see of it."""

from pathlib import Path

import pytest

from components._storage import local_path
from pipelines.local import data as data_module
from pipelines.local.data import data_arguments, source_mounts


@pytest.fixture
def photos(tmp_path):
    for name in ("2023/a/1.jpg", "2023/b/2.jpg", "2024/a/3.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"1")
    return tmp_path


def write_manifest(file: Path, *uris) -> Path:
    file.parent.mkdir(exist_ok=True)
    file.write_text("uri,label\n" + "".join(f"{uri},a\n" for uri in uris))
    return file


def test_paths_are_absolute_and_uris_as_they_are(photos, gs, monkeypatch):
    monkeypatch.chdir(photos)
    gs.put("photos/a/1.jpg", b"1")
    here = data_arguments("2023", "ledger.parquet")
    assert (here["source"], here["ledger_uri"]) == (f"{photos}/2023", f"{photos}/ledger.parquet")
    there = data_arguments(f"{gs.uri}/photos", f"{gs.uri}/ledger.parquet")
    assert (there["source"], there["ledger_uri"]) == (f"{gs.uri}/photos", f"{gs.uri}/ledger.parquet")
    without = data_arguments("2024", "")
    assert (without["ledger_uri"], without["ledger_digest"]) == ("", "")
    assert len({arguments["source_digest"] for arguments in (here, there, without)}) == 3


def test_a_path_is_on_this_machine_and_a_uri_is_not():
    assert [local_path(text) for text in ("", "gs://acme/photos", "/photos")] == [None, None, Path("/photos")]


def test_a_folder_and_an_archive_are_seen_as_they_are(photos):
    (photos / "s.zip").write_bytes(b"1")
    assert source_mounts(photos / "2023") == [photos / "2023"]
    assert source_mounts(photos / "s.zip") == [photos / "s.zip"]


def test_of_a_manifest_the_folders_of_its_files_are_seen_too(photos):
    uris = ["../2023/a/1.jpg", "../2023/b/2.jpg", f"{photos}/2024/a/3.jpg", "gs://acme/4.jpg"]
    manifest = write_manifest(photos / "lists" / "labels.csv", *uris)
    assert source_mounts(manifest) == [photos / name for name in ("2023/a", "2023/b", "2024/a", "lists/labels.csv")]


def test_a_manifest_beside_its_files_is_in_their_folder(photos):
    assert source_mounts(write_manifest(photos / "labels.csv", "0.jpg", "2023/a/1.jpg")) == [photos]


def test_many_folders_are_seen_through_those_above(photos, monkeypatch):
    monkeypatch.setattr(data_module, "MAX_MOUNTS", 2)
    manifest = write_manifest(photos / "lists" / "labels.csv", "../2023/a/1.jpg", "../2023/b/2.jpg", "../2024/a/3.jpg")
    assert source_mounts(manifest) == [photos / name for name in ("2023", "2024", "lists/labels.csv")]
