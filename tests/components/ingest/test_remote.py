"""Remote files as ingest sees them."""

import io
import random
import tarfile
from concurrent.futures import ThreadPoolExecutor

import pytest

from components._errors import InputError
from components.ingest.source.files import MAX_FILE_BYTES
from components.ingest.source.remote import fetch_archive, prefix_files, remote_file
from tests.storage_servers import PASSING_FAULTS, first, mixed

NAMES = ["coast/1.jpg", "coast/deep/2.jpg", "küche #1/3?.jpg"]


@pytest.fixture
def photos(bucket):
    """A bucket with a folder of photographs, its placeholders, and neighbours that are not meant."""
    for name in NAMES:
        bucket.put(f"photos/{name}", name.encode())
    for name in ("photos/", "photos/coast/"):
        bucket.put(name, b"")
    for name in ("photos.jpg", "photos2/coast/4.jpg", "other/5.jpg"):
        bucket.put(name, b"another's")
    return bucket


@pytest.mark.parametrize("ending", ["", "/"])
def test_a_folder_of_a_bucket(photos, ending):
    files = dict(prefix_files(f"{photos.uri}/photos{ending}"))
    assert {name: file.read() for name, file in files.items()} == {name: name.encode() for name in NAMES}
    assert all(file.remote and file.size_bytes == len(name.encode()) for name, file in files.items())


@pytest.mark.parametrize("ending", ["", "/"])
def test_a_whole_bucket(photos, ending):
    files = dict(prefix_files(photos.uri + ending))
    assert {"photos.jpg", "other/5.jpg", "photos/coast/1.jpg"} < set(files)
    assert len(files) == len(NAMES) + 3


def test_a_version_changes_with_the_content(photos):
    before = {name: file.version for name, file in prefix_files(f"{photos.uri}/photos")}
    photos.put(f"photos/{NAMES[0]}", b"new")
    after = {name: file.version for name, file in prefix_files(f"{photos.uri}/photos")}
    assert {name for name in NAMES if before[name] != after[name]} == {NAMES[0]}


def test_beginnings_of_names_are_no_folders(photos):
    with pytest.raises(InputError, match=rf"--source {photos.uri}/pho: expected objects .*found none"):
        list(prefix_files(f"{photos.uri}/pho"))


def test_many_threads_read_through_faults(photos):
    photos.proxy.plan = mixed(seed=2, share=0.4, kinds=[fault for fault in PASSING_FAULTS if fault != "429"])
    files = dict(prefix_files(f"{photos.uri}/photos"))
    with ThreadPoolExecutor(16) as pool:
        names = NAMES * 16
        assert list(pool.map(lambda name: files[name].read(), names)) == [name.encode() for name in names]


def test_one_object_is_asked_for_only_when_it_is_read(photos):
    photos.proxy.faults.clear()
    file = remote_file(f"{photos.uri}/photos/{NAMES[2]}")
    assert file.remote
    assert not photos.proxy.faults
    assert file.read() == NAMES[2].encode()


def test_one_file_of_a_web_server(make_bucket):
    photos = make_bucket("s3")
    photos.put("a.jpg", b"photograph")
    photos.proxy.plan = first("503", "reset", None, "truncated")
    assert (
        remote_file(f"{photos.proxy.url}/{photos.uri.removeprefix('s3://')}/a.jpg?size=large").read() == b"photograph"
    )


def test_one_object_that_is_not_there(photos):
    with pytest.raises(InputError, match=rf"{photos.uri}/none\.jpg: .*no such bucket or object"):
        remote_file(f"{photos.uri}/none.jpg").read()


def test_what_is_too_large_is_not_fetched(photos, monkeypatch):
    monkeypatch.setattr("components.ingest.source.files.MAX_FILE_BYTES", 5)
    assert MAX_FILE_BYTES > 5
    files = dict(prefix_files(f"{photos.uri}/photos"))
    with pytest.raises(InputError, match="bytes: more than 5"):
        files[NAMES[0]].read()


def test_an_archive_is_fetched_and_progress_is_told(bucket, tmp_path, capsys):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        archive.addfile(tarfile.TarInfo("a"), io.BytesIO())
    data = stream.getvalue() + random.Random(1).randbytes(3_000_000)
    bucket.put("sets/photos.tar.gz", data)
    bucket.proxy.plan = first("503", None, "truncated")
    file = fetch_archive(f"{bucket.uri}/sets/photos.tar.gz", tmp_path)
    assert (file.parent, file.name) == (tmp_path, "photos.tar.gz")
    assert file.read_bytes() == data
    assert "ingest: photos.tar.gz: 3.0 of 3.0 MB, " in capsys.readouterr().out


def test_a_question_mark_belongs_to_the_name_of_an_object(bucket, tmp_path):
    bucket.put("photos?2024.zip", b"zip")
    file = fetch_archive(f"{bucket.uri}/photos?2024.zip", tmp_path)
    assert file == tmp_path / "photos?2024.zip"
    assert file.read_bytes() == b"zip"


def test_an_archive_of_a_web_server(make_bucket, tmp_path):
    bucket = make_bucket("s3")
    bucket.put("photos.zip", b"zip")
    file = fetch_archive(f"{bucket.proxy.url}/{bucket.uri.removeprefix('s3://')}/photos.zip?signature=a/b.c", tmp_path)
    assert file == tmp_path / "photos.zip"
    assert file.read_bytes() == b"zip"
