"""Remote files as ingest sees them."""

import io
import random
import tarfile
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from components._errors import InputError
from components.ingest.source import remote
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
    assert all(file.save and file.size_bytes == len(name.encode()) for name, file in files.items())


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


def test_one_object_is_asked_for_only_when_it_is_read(photos, tmp_path):
    photos.proxy.faults.clear()
    file = remote_file(f"{photos.uri}/photos/{NAMES[2]}")
    assert file.save
    assert not photos.proxy.faults
    assert file.read() == NAMES[2].encode()
    file.save(tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == NAMES[2].encode()


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


def test_what_is_too_large_is_not_fetched(photos, tmp_path, monkeypatch):
    monkeypatch.setattr("components.ingest.source.files.MAX_FILE_BYTES", 5)
    assert MAX_FILE_BYTES > 5
    files = dict(prefix_files(f"{photos.uri}/photos"))
    for use in (files[NAMES[0]].read, partial(files[NAMES[0]].save, tmp_path / "copy")):
        with pytest.raises(InputError, match="bytes: more than 5"):
            use()


def test_what_turns_out_too_large_is_not_fetched_to_its_end(tmp_path, monkeypatch):
    """A server need not say how large a file is; this one never ends."""

    class Endless(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            with suppress(ConnectionError):
                while True:
                    self.wfile.write(bytes(2**16))

        def log_message(self, *arguments):
            """Says nothing of requests."""

    monkeypatch.setattr(remote, "MAX_FILE_BYTES", 3_000_000)
    with ThreadingHTTPServer(("127.0.0.1", 0), Endless) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,)).start()
        file = remote_file(f"http://127.0.0.1:{server.server_address[1]}/a.jpg")
        for use in (file.read, partial(file.save, tmp_path / "copy")):
            with pytest.raises(InputError, match=r"/a\.jpg: 3\d{6} bytes or more, expected at most 3000000"):
                use()
        server.shutdown()
    assert (tmp_path / "copy").stat().st_size <= 3_000_000


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
