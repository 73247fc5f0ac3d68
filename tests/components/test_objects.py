"""Objects in buckets and on web servers: real servers, and a proxy before them that deals out faults."""

import random
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

from components._errors import InputError
from components._objects import (
    ABSENT,
    LostRaceError,
    UnreachableError,
    download_object,
    list_objects,
    read_generation,
    read_object,
    replace_object,
    stat_object,
)
from components._objects.retrying import VARIABLE, Patience, patience, retry_after_s
from tests.storage_servers import PASSING_FAULTS, always, fault_proxy, first, mixed, no_faults

FAULTS = ("503", "reset", "truncated", "corrupted", "stall")  # beside 429, which has a test of its own
DATA = random.Random(5).randbytes(50_000)


def silent(done_bytes, size_bytes):
    """Says nothing of progress."""


def web_address(bucket, name):
    """The same object without a client for buckets."""
    return f"{bucket.proxy.url}/{bucket.uri.partition('://')[2]}/{name}"


@pytest.fixture
def s3_bucket(make_bucket):
    return make_bucket("s3")


def test_objects_are_listed_described_and_read(bucket):
    names = ["a.jpg", "photos/1 ü#?%2F+.jpg", "photos/empty.jpg", "photos/z/2.jpg", "photos2/3.jpg"]
    for name in names:
        bucket.put(name, b"" if "empty" in name else name.encode())
    listed = list(list_objects(f"{bucket.uri}/photos"))
    contents = [names[1].encode(), b"", names[3].encode(), names[4].encode()]
    assert [stored.name for stored in listed] == names[1:]
    assert [stored.uri for stored in listed] == [f"{bucket.uri}/{name}" for name in names[1:]]
    assert [stat_object(stored.uri) for stored in listed] == listed
    assert [read_object(stored) for stored in listed] == contents


@pytest.mark.slow
def test_a_listing_of_many_pages_is_complete_whatever_befalls_one(bucket):
    names = sorted(f"n/{number:05d}" for number in range(1100))
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: bucket.put(name, b"x"), names))
    bucket.proxy.plan = first("503", None, "truncated", "reset")
    assert [stored.name for stored in list_objects(f"{bucket.uri}/n/")] == names
    assert bucket.proxy.faults["truncated"] == 1


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_passes_and_the_bytes_are_right(bucket, fault):
    bucket.put("a.jpg", DATA)
    (stored,) = list_objects(bucket.uri + "/")
    befall = [fault] * (1 if fault == "stall" else 2)
    bucket.proxy.plan = first(*befall)
    assert read_object(stored) == DATA
    assert bucket.proxy.faults[fault] == len(befall)


def test_many_readers_at_once_get_their_own_bytes_through_all_faults(bucket):
    contents = {f"{number}.jpg": random.Random(number).randbytes(3000 + number) for number in range(64)}
    for name, data in contents.items():
        bucket.put(name, data)
    listed = list(list_objects(bucket.uri + "/"))
    bucket.proxy.plan = mixed(seed=1, share=0.3)
    with ThreadPoolExecutor(24) as pool:
        got = dict(zip((stored.name for stored in listed), pool.map(read_object, listed), strict=True))
    assert got == contents
    assert set(PASSING_FAULTS) <= set(bucket.proxy.faults)


def test_corrupted_bytes_are_never_accepted(bucket, monkeypatch):
    bucket.put("a.jpg", DATA)
    monkeypatch.setenv(VARIABLE, "2")  # seconds, for three attempts on a machine with much else to do
    stored = stat_object(f"{bucket.uri}/a.jpg")
    bucket.proxy.plan = always("corrupted")
    with pytest.raises(UnreachableError, match=r"the bytes that came have (crc32c|md5) "):
        read_object(stored)
    assert bucket.proxy.faults["corrupted"] > 2


@pytest.mark.parametrize("fault", ["503", "reset", "truncated"])
def test_a_fault_that_stays_ends_with_the_cause_in_bounded_time(bucket, fault, capsys, monkeypatch):
    monkeypatch.setenv(VARIABLE, "0.5")
    bucket.put("a.jpg", DATA)
    stored = stat_object(f"{bucket.uri}/a.jpg")
    bucket.proxy.plan = always(fault)
    began = time.monotonic()
    with pytest.raises(UnreachableError) as raised:
        read_object(stored)
    assert time.monotonic() - began < 2 * patience().total_s
    assert f"{stored.uri}: expected to reach it, but " in str(raised.value)
    if fault.isdigit():
        assert f"status {fault}" in str(raised.value)
    assert bucket.proxy.faults[fault] > 2
    assert f"storage: {stored.uri}: attempt 3 failed, the next in " in capsys.readouterr().out


def test_a_server_that_asks_for_a_wait_gets_it(bucket):
    bucket.put("a.jpg", DATA)
    stored = stat_object(f"{bucket.uri}/a.jpg")
    bucket.proxy.plan = first("429")  # Retry-After: 1
    began = time.monotonic()
    assert read_object(stored) == DATA
    assert 1 <= time.monotonic() - began < 2


def test_nobody_listens(bucket, monkeypatch):
    for name in ("STORAGE_EMULATOR_HOST", "AWS_ENDPOINT_URL"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv(VARIABLE, "0.5")
    with pytest.raises(UnreachableError, match=rf"{bucket.uri}/photos: expected to reach it, .*Check the network"):
        list(list_objects(f"{bucket.uri}/photos"))


@pytest.mark.parametrize(("fault", "found"), [("403", "access is refused"), ("404", "not any more")])
def test_refusals_are_not_repeated(bucket, fault, found):
    bucket.put("a.jpg", DATA)
    stored = stat_object(f"{bucket.uri}/a.jpg")
    bucket.proxy.faults.clear()
    bucket.proxy.plan = always(fault)
    message = rf"{bucket.uri}/.*: expected to reach it, but .*{found} \(status {fault}: "
    with pytest.raises(InputError, match=message):
        read_object(stored)
    with pytest.raises(InputError, match=message):
        stat_object(stored.uri)
    with pytest.raises(InputError, match=message):
        list(list_objects(bucket.uri + "/"))
    assert bucket.proxy.faults == {fault: 3}


def test_what_does_not_exist(bucket):
    with pytest.raises(InputError, match=r"nothing/1.jpg: .*no such bucket or object"):
        stat_object(f"{bucket.uri}/nothing/1.jpg")
    with pytest.raises(InputError, match="there is no such bucket"):
        list(list_objects(f"{bucket.uri}-other/photos"))
    assert list(list_objects(f"{bucket.uri}/nothing")) == []


def test_an_object_that_was_replaced_is_not_read(bucket):
    bucket.put("a.jpg", DATA)
    (stored,) = list_objects(bucket.uri + "/")
    bucket.put("a.jpg", DATA[::-1])
    with pytest.raises(InputError, match=r"replaced after it had been found|or not any more"):
        read_object(stored)


def test_downloads_go_on_where_they_broke(bucket, tmp_path):
    data = random.Random(1).randbytes(24 * 2**20)
    bucket.put("a.tar", data, "application/x-tar")
    bucket.proxy.plan = first(None, "truncated", None, "truncated", None, "reset")
    told = []
    download_object(f"{bucket.uri}/a.tar", tmp_path / "a.tar", lambda *numbers: told.append(numbers))
    assert (tmp_path / "a.tar").read_bytes() == data
    done = [numbers[0] for numbers in told]
    assert done == sorted(done)  # nothing came twice
    assert told[-1] == (len(data), len(data))


def test_a_download_that_came_wrong_is_repeated_from_the_start(bucket, tmp_path):
    bucket.put("a.tar", DATA)
    bucket.proxy.plan = first(None, "corrupted")
    download_object(f"{bucket.uri}/a.tar", tmp_path / "a.tar", silent)
    assert (tmp_path / "a.tar").read_bytes() == DATA


def test_a_download_of_what_is_replaced_meanwhile_starts_over(bucket, tmp_path):
    data = random.Random(1).randbytes(6 * 2**20)
    bucket.put("a.tar", data)

    def plan():
        yield from (None, "truncated")
        bucket.put("a.tar", data[::-1])
        yield from no_faults()

    bucket.proxy.plan = plan()
    download_object(f"{bucket.uri}/a.tar", tmp_path / "a.tar", silent)
    assert (tmp_path / "a.tar").read_bytes() == data[::-1]


def test_a_download_of_what_is_deleted_meanwhile_ends(bucket, tmp_path):
    bucket.put("a.tar", DATA)
    bucket.proxy.plan = first(None, "truncated", None, *["404"] * 9)
    with pytest.raises(InputError, match="no such bucket or object"):
        download_object(f"{bucket.uri}/a.tar", tmp_path / "a.tar", silent)
    assert bucket.proxy.faults["404"] == 2


def test_downloads_from_the_web_go_on_where_they_broke(s3_bucket, tmp_path):
    data = random.Random(1).randbytes(6 * 2**20)
    s3_bucket.put("a ü.zip", data)
    s3_bucket.proxy.plan = first(None, "truncated", "503", None, "truncated", "reset")
    told = []
    download_object(web_address(s3_bucket, "a%20ü.zip?signed=1"), tmp_path / "a", lambda *numbers: told.append(numbers))
    assert (tmp_path / "a").read_bytes() == data
    assert [done for done, _ in told] == sorted(done for done, _ in told)


def test_web_servers_that_send_only_whole_files(tmp_path, monkeypatch):
    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *arguments):
            """Says nothing of requests."""

    monkeypatch.setenv(VARIABLE, "4")
    data = random.Random(1).randbytes(6 * 2**20)
    (tmp_path / "a.zip").write_bytes(data)
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=tmp_path)) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,)).start()
        with fault_proxy(f"http://127.0.0.1:{server.server_address[1]}") as proxy:
            proxy.plan = first(None, "truncated", None, "truncated", None, None)
            download_object(f"{proxy.url}/a.zip", tmp_path / "copy", silent)
        server.shutdown()
    assert (tmp_path / "copy").read_bytes() == data


@pytest.mark.parametrize(("fault", "found"), [("403", "access is refused"), ("404", "no such")])
def test_refusals_of_web_servers_are_not_repeated(s3_bucket, fault, found, tmp_path):
    s3_bucket.proxy.plan = always(fault)
    with pytest.raises(InputError, match=found):
        download_object(web_address(s3_bucket, "a.zip"), tmp_path / "a", silent)
    assert s3_bucket.proxy.faults == {fault: 1}


@pytest.fixture(params=["gs", "local"])
def place(request, tmp_path):
    """Where something can be replaced: an object, or a local file."""
    return f"{request.getfixturevalue('gs').uri}/ledger" if request.param == "gs" else str(tmp_path / "new" / "ledger")


def test_replacing(place):
    assert read_generation(place) is None
    generation = replace_object(place, b"one", ABSENT)
    assert read_generation(place) == (b"one", generation)
    with pytest.raises(LostRaceError):
        replace_object(place, b"other", ABSENT)
    newer = replace_object(place, b"two", generation)
    with pytest.raises(LostRaceError):
        replace_object(place, b"other", generation)
    assert read_generation(place) == (b"two", newer)


def add_line(place, line, at_once):
    """Appends a line, as often as it takes; returns how often somebody else was faster."""
    at_once.wait()
    for lost in range(1000):
        data, generation = read_generation(place) or (b"", ABSENT)
        try:
            replace_object(place, data + line, generation)
        except LostRaceError:
            continue
        return lost
    raise AssertionError("never won")


@pytest.mark.slow
def test_of_many_writers_none_is_lost(place):
    lines = [f"{number}\n".encode() for number in range(12)]
    at_once = threading.Barrier(6)
    with ThreadPoolExecutor(6) as pool:
        lost = list(pool.map(lambda line: add_line(place, line, at_once), lines))
    assert sum(lost) > 0
    assert sorted(read_generation(place)[0].splitlines(True)) == sorted(lines)


WRITER = """
import sys
from components._objects import LostRaceError, replace_object
place, expected, line = sys.argv[1:]
print("ready", flush=True)
sys.stdin.readline()
try:
    replace_object(place, line.encode(), expected)
    print("won")
except LostRaceError:
    print("lost")
"""


@pytest.mark.slow
def test_exactly_one_of_several_processes_wins(place):
    generation = replace_object(place, b"first", ABSENT)
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, place, generation, f"by {number}"], **pipes)
        for number in range(4)
    ]
    for writer in writers:
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        writer.stdin.write("\n")
        writer.stdin.flush()
    answers = [writer.communicate()[0].strip() for writer in writers]
    assert sorted(answers) == ["lost", "lost", "lost", "won"]
    assert read_generation(place)[0] == f"by {answers.index('won')}".encode()


def test_a_writer_whose_answer_was_lost_knows_that_it_has_won(gs):
    gs.proxy.plan = first("lost answer", None)
    generation = replace_object(f"{gs.uri}/ledger", b"mine", ABSENT)
    assert gs.proxy.faults["lost answer"] == 1
    assert read_generation(f"{gs.uri}/ledger") == (b"mine", generation)


@pytest.mark.parametrize("fault", ["503", "reset", "truncated", "lost answer"])
def test_replacing_survives_faults(gs, fault):
    place = f"{gs.uri}/ledger"
    gs.proxy.plan = first(fault, None, fault, None, fault, fault)
    generation = replace_object(place, b"one", ABSENT)
    newer = replace_object(place, DATA, generation)
    assert read_generation(place) == (DATA, newer)


def test_a_folder_that_may_not_be_written(gs):
    gs.proxy.plan = always("403")
    with pytest.raises(InputError, match=r"ledger: .*access is refused.*storage\.objectUser to write"):
        replace_object(f"{gs.uri}/ledger", b"", ABSENT)


@pytest.mark.parametrize("scheme", ["s3", "https", "gcs", "GS", "file"])
def test_what_cannot_be_replaced_is_not_even_read(tmp_path, monkeypatch, scheme):
    monkeypatch.chdir(tmp_path)
    for use in (read_generation, lambda uri: replace_object(uri, b"", ABSENT)):
        with pytest.raises(InputError, match=f"{scheme}://a/b: expected a local path or gs://"):
            use(f"{scheme}://a/b")
    assert list(tmp_path.iterdir()) == []


def test_a_local_file_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(InputError, match=r"file/ledger: expected a file that can be written, but: File exists\. Check"):
        replace_object(str(tmp_path / "file" / "ledger"), b"", ABSENT)
    assert (tmp_path / "file").read_text() == "no folder"


@pytest.mark.parametrize("uri", ["ftp://host/a", "photos/a.jpg"])
def test_other_addresses(uri):
    with pytest.raises(InputError, match=f"{uri}: expected gs://, s3://, https://"):
        stat_object(uri)


@pytest.mark.parametrize("name", ["", "/a.jpg", "bucket/", "-/a.jpg"])
@pytest.mark.parametrize("scheme", ["gs", "s3"])
def test_names_that_nothing_can_have(make_bucket, scheme, name):
    make_bucket(scheme)
    found = "not accepted|no such|a name behind"
    with pytest.raises(InputError, match=rf"{scheme}://{name}: .*({found}).*Check the address"):
        stat_object(f"{scheme}://{name}")


def test_a_profile_that_does_not_exist(make_bucket, monkeypatch):
    place = f"{make_bucket('s3').uri}/a.jpg"
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    with pytest.raises(InputError, match=r"access is refused .*nobody.*Set AWS_PROFILE"):
        stat_object(place)


def test_credentials_that_do_not_exist(monkeypatch, tmp_path):
    monkeypatch.delenv("STORAGE_EMULATOR_HOST", raising=False)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "none.json"))
    with pytest.raises(InputError, match=r"access is refused .*none.json.*gcloud auth application-default login"):
        stat_object("gs://bucket/a.jpg")


def test_patience_is_one_number(monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    assert patience() == Patience()
    monkeypatch.setenv(VARIABLE, "12")
    assert patience() == Patience().scaled_to(12)
    assert patience().read_timeout_s == pytest.approx(Patience().read_timeout_s / 10)


@pytest.mark.parametrize("text", ["", "soon", "0", "-1", "inf", "nan"])
def test_patience_without_a_number(monkeypatch, text):
    monkeypatch.setenv(VARIABLE, text)
    with pytest.raises(InputError, match=f"{VARIABLE}: expected a number of seconds above 0"):
        patience()


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("7", 7), ("soon", 0), ("Wed, 21 Oct 2015 07:28:00 GMT", 0), ("-3", 0), ("Fri, 31 Dec 9999 23:59:59 GMT", 2.5e11)],
)
def test_waits_that_servers_ask_for(text, seconds):
    assert retry_after_s({"Retry-After": text}) == pytest.approx(seconds, rel=0.02)


def test_clients_are_loaded_at_first_use():
    code = "import sys, components._objects; print({'google.cloud.storage', 's3fs', 'requests'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "set()"
