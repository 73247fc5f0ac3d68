"""Archives: whole, awkward, damaged and hostile."""

import gzip
import io
import pickle
import random
import stat
import struct
import tarfile
import tracemalloc
import zipfile
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from multiprocessing import get_context

import pytest

from components._errors import InputError
from components.ingest.source import archives as archives_module
from components.ingest.source.archives import ARCHIVE_SUFFIXES, open_archive

FILES = {f"a/{number}.jpg": random.Random(number).randbytes(5000 + number) for number in range(20)}
MODES = {".gz": "w:gz", ".tgz": "w:gz", ".bz2": "w:bz2", ".tbz2": "w:bz2", ".xz": "w:xz", ".txz": "w:xz"}


def add(archive, name, data=b"1", **fields):
    member = tarfile.TarInfo(name)
    member.size = len(data)
    for field, value in fields.items():
        setattr(member, field, value)
    archive.addfile(member, io.BytesIO(data))


def write(path, files=FILES):
    if path.suffix.lower() == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, data in files.items():
                archive.writestr(name, data)
    else:
        with tarfile.open(path, MODES.get(path.suffix, "w")) as archive:
            for name, data in files.items():
                add(archive, name, data)
    return path


@contextmanager
def listed(archive, scratch):
    """Opens an archive and lists all of it."""
    with open_archive(archive, scratch) as files:
        yield dict(files)


@pytest.fixture
def scratch(tmp_path):
    folder = tmp_path / "scratch"
    folder.mkdir()
    return folder


@pytest.fixture
def only(scratch):
    """Reads the only file of an archive."""

    def read(path):
        with listed(path, scratch) as files:
            (file,) = files.values()
            return file.read()

    return read


def test_any_thread_and_any_process_can_read_at_once(tmp_path, scratch):
    for suffix in (".zip", ".tar", ".tar.gz"):
        with listed(write(tmp_path / f"s{suffix}"), scratch) as files, ThreadPoolExecutor(8) as threads:
            assert [file.size_bytes for file in files.values()] == [len(data) for data in FILES.values()]
            readers = [files[name].read for name in FILES] * 20
            assert list(threads.map(lambda read: read(), readers)) == list(FILES.values()) * 20
            with ProcessPoolExecutor(2, get_context("spawn")) as processes:
                assert list(processes.map(_call, readers[:20])) == list(FILES.values())


def _call(read):
    return read()


@pytest.mark.parametrize("suffix", ARCHIVE_SUFFIXES)
def test_every_kind_of_archive_holds_the_same(tmp_path, scratch, suffix):
    with listed(write(tmp_path / f"s.x{suffix}"), scratch) as files:
        assert {name: file.read() for name, file in files.items()} == FILES
        assert len({file.version for file in files.values()}) == len(FILES)
        assert pickle.loads(pickle.dumps(files["a/7.jpg"])).read() == FILES["a/7.jpg"]
    assert list(scratch.iterdir()) == []


def test_of_two_files_of_the_same_name_the_later_counts(tmp_path, scratch):
    with zipfile.ZipFile(tmp_path / "s.zip", "w") as archive:
        archive.writestr("a/1.jpg", b"earlier")
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr("a/1.jpg", b"later")
    with tarfile.open(tmp_path / "s.tar", "w") as archive:
        add(archive, "a/1.jpg", b"earlier")
        add(archive, "a/1.jpg", b"later")
    for name in ("s.zip", "s.tar"):
        with listed(tmp_path / name, scratch) as files:
            assert [file.read() for file in files.values()] == [b"later"]


def test_a_zip_is_listed_in_little_memory(tmp_path, scratch):
    """With more members than fit into its first format, before a comment, and behind what somebody has put there."""
    names = [f"a/{number}.jpg" for number in range(70_000)]
    packed = tmp_path / "packed.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        for name in names:
            archive.writestr(zipfile.ZipInfo(name), name)
        archive.comment = b"PK" * 1000
    (tmp_path / "s.zip").write_bytes(b"#!/bin/sh\n" + packed.read_bytes())
    tracemalloc.start()
    with open_archive(tmp_path / "s.zip", scratch) as files:
        listed_names = [name for name, _ in files]
        kept_bytes, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert listed_names == names
    assert peak_bytes - kept_bytes < 4 * 2**20
    with open_archive(tmp_path / "s.zip", scratch) as files:
        assert all(file.read() == name.encode() for name, file in islice(files, 0, None, 999))


def zip_with_names(path, names, *, flag_bits=0, create_system=3):
    """Writes names as bytes, as other programs do; zipfile itself only writes ASCII or marked UTF-8."""
    stand_ins = [f"{index:x}".rjust(len(name), "#") for index, name in enumerate(names)]
    with zipfile.ZipFile(path, "w") as archive:
        for stand_in in stand_ins:
            member = zipfile.ZipInfo(stand_in)
            member.create_system = create_system
            archive.writestr(member, b"1")
    data = path.read_bytes()
    for stand_in, name in zip(stand_ins, names, strict=True):
        data = data.replace(stand_in.encode(), name)
    path.write_bytes(data)


def test_names_in_a_zip_as_other_programs_write_them(tmp_path, scratch):
    names = ["küche/1.jpg".encode("cp437"), "küche/2.jpg".encode(), "客厅/3\n'\" .jpg".encode(), b"a b/4.jpg"]
    zip_with_names(tmp_path / "s.zip", names)
    with listed(tmp_path / "s.zip", scratch) as files:
        assert set(files) == {"küche/1.jpg", "küche/2.jpg", "客厅/3\n'\" .jpg", "a b/4.jpg"}
        assert {file.read() for file in files.values()} == {b"1"}


def test_backslashes_are_separators_where_a_zip_was_packed_on_windows(tmp_path, scratch):
    zip_with_names(tmp_path / "s.zip", [b"kitchen\\1.jpg", b"hall\\"], create_system=0)
    with listed(tmp_path / "s.zip", scratch) as files:
        assert set(files) == {"kitchen/1.jpg"}


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"type": tarfile.SYMTYPE, "linkname": "/etc/passwd"}, "a link inside an archive"),
        ({"type": tarfile.LNKTYPE, "linkname": "a/1.jpg"}, "a link inside an archive"),
        ({"type": tarfile.FIFOTYPE}, "a special file inside an archive"),
        ({"type": tarfile.BLKTYPE}, "a special file inside an archive"),
    ],
)
def test_what_is_not_read_from_a_tar(tmp_path, only, fields, reason):
    with tarfile.open(tmp_path / "s.tar", "w") as archive:
        add(archive, "a/1.jpg", b"", **fields)
    with pytest.raises(InputError, match=reason):
        only(tmp_path / "s.tar")


def test_a_sparse_file_in_a_tar_is_not_taken_for_its_holes(tmp_path, only):
    with tarfile.open(tmp_path / "s.tar", "w", format=tarfile.PAX_FORMAT) as archive:
        headers = {"GNU.sparse.size": str(2**40), "GNU.sparse.numblocks": "1", "GNU.sparse.map": "0,1"}
        add(archive, "a/1.jpg", b"1", pax_headers=headers)
    with pytest.raises(InputError, match="a special file inside an archive"):
        only(tmp_path / "s.tar")


@pytest.mark.parametrize(
    ("file_type", "reason"),
    [(stat.S_IFLNK, "a link inside an archive"), (stat.S_IFIFO, "a special file inside an archive")],
)
def test_what_is_not_read_from_a_zip(tmp_path, only, file_type, reason):
    member = zipfile.ZipInfo("a/1.jpg")
    member.external_attr = (file_type | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "s.zip", "w") as archive:
        archive.writestr(member, "/etc/passwd")
    with pytest.raises(InputError, match=reason):
        only(tmp_path / "s.zip")


def patched(path, offset_local, offset_central, value):
    """Overwrites two bytes in both headers of a .zip with one file."""
    data = bytearray(path.read_bytes())
    central = data.index(b"PK\1\2")
    for start in (offset_local, central + offset_central):
        data[start : start + 2] = value.to_bytes(2, "little")
    path.write_bytes(data)


def test_an_encrypted_file_says_so(tmp_path, only):
    write(tmp_path / "s.zip", {"a/1.jpg": b"1"})
    patched(tmp_path / "s.zip", 6, 8, 1)
    with pytest.raises(InputError, match="encrypted: pack it again without a password"):
        only(tmp_path / "s.zip")


def test_a_compression_that_cannot_be_read_says_so(tmp_path, only):
    write(tmp_path / "s.zip", {"a/1.jpg": b"1"})
    patched(tmp_path / "s.zip", 8, 10, 9)
    with pytest.raises(InputError, match=r"compressed by method 9, expected deflate \(8\)"):
        only(tmp_path / "s.zip")


def test_a_damaged_file_in_a_zip_says_so(tmp_path, only):
    for compression in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        with zipfile.ZipFile(tmp_path / "s.zip", "w", compression) as archive:
            archive.writestr("a/1.jpg", b"picture" * 100)
        data = bytearray((tmp_path / "s.zip").read_bytes())
        data[30 + len("a/1.jpg") + 3] ^= 0xFF
        (tmp_path / "s.zip").write_bytes(data)
        with pytest.raises(InputError, match="damaged inside the archive"):
            only(tmp_path / "s.zip")


def test_a_zip_whose_files_say_they_are_small_is_not_believed(tmp_path, only, monkeypatch):
    write(tmp_path / "s.zip", {"a/1.jpg": bytes(60_000)})
    patched(tmp_path / "s.zip", 22, 24, 10)
    inflated = []
    inflate = archives_module._inflate
    monkeypatch.setattr(archives_module, "_inflate", lambda *given: inflated.append(inflate(*given)) or inflated[-1])
    with pytest.raises(InputError, match="damaged inside the archive"):
        only(tmp_path / "s.zip")
    assert len(inflated[0]) == 11


def test_a_bomb_in_a_zip_is_not_read(tmp_path, only):
    with (
        zipfile.ZipFile(tmp_path / "s.zip", "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("a/1.bmp", "w") as file,
    ):
        for _ in range(20):
            file.write(bytes(2**20))
    with pytest.raises(InputError, match=r"a decompression bomb: \d+ bytes that unpack to 20971520"):
        only(tmp_path / "s.zip")


def test_a_zip_of_many_members_at_one_place_is_a_bomb_as_a_whole(tmp_path, scratch):
    """Each is harmless; together they would be 20,000 times as large as what all of them point at."""
    large = 15 * 2**20
    data = write(tmp_path / "s.zip", {"a/00000.bmp": bytes(large)}).read_bytes()
    member, header, end = data[: data.index(b"PK\1\2")], data[data.index(b"PK\1\2") : -22], data[-22:]
    headers = b"".join(header.replace(b"00000", b"%05d" % number) for number in range(20_000))
    counts = struct.pack("<HHLL", 20_000, 20_000, len(headers), len(member))
    (tmp_path / "s.zip").write_bytes(member + headers + end[:8] + counts + end[20:])
    with zipfile.ZipFile(tmp_path / "s.zip") as archive:
        assert sum(info.file_size for info in archive.infolist()) == 20_000 * large
    with (
        pytest.raises(InputError, match=r"s\.zip: .* more than 200 times its size: .*bomb\. If you trust it, unpack"),
        listed(tmp_path / "s.zip", scratch),
    ):
        pass


def test_a_member_that_is_refused_does_not_count_for_the_whole_zip(tmp_path, scratch):
    files = {"a/bomb.bmp": bytes(17 * 2**20), "a/1.jpg": b"1", "b/white.bmp": bytes(15 * 2**20)}
    with listed(write(tmp_path / "s.zip", files), scratch) as found:
        assert {name: file.size_bytes for name, file in found.items()} == {
            "a/bomb.bmp": 0, "a/1.jpg": 1, "b/white.bmp": 15 * 2**20,
        }  # fmt: skip


def test_a_harmless_file_may_pack_well(tmp_path, only):
    assert only(write(tmp_path / "s.zip", {"a/white.bmp": bytes(2**20)})) == bytes(2**20)


def test_a_bomb_of_a_tar_is_stopped_while_it_unpacks(tmp_path, scratch, monkeypatch):
    monkeypatch.setattr(archives_module, "HARMLESS_BYTES", 2**21)
    with gzip.open(tmp_path / "s.tar.gz", "wb") as stream:
        for _ in range(10):
            stream.write(bytes(2**20))
    written = []
    monkeypatch.setattr(archives_module, "_too_large", watching(archives_module._too_large, scratch, written))
    with (
        pytest.raises(InputError, match=r"more than 200 times its size: a decompression bomb"),
        listed(tmp_path / "s.tar.gz", scratch),
    ):
        pass
    assert written <= [2**21]
    assert list(scratch.iterdir()) == []


def watching(function, folder, sizes):
    def call(*arguments):
        sizes.extend(file.stat().st_size for file in folder.iterdir())
        return function(*arguments)

    return call


def test_a_tar_that_would_fill_the_disk_is_refused(tmp_path, scratch, monkeypatch):
    monkeypatch.setattr(archives_module, "DISK_SHARE", 0)
    with (
        pytest.raises(InputError, match="expected room to decompress it"),
        listed(write(tmp_path / "s.tgz"), scratch),
    ):
        pass
    assert list(scratch.iterdir()) == []


@pytest.mark.parametrize("name", ["s.zip", "s.tar", "s.tar.gz", "s.tar.bz2", "s.tar.xz"])
@pytest.mark.parametrize("kept", [0, 20, 0.6, -1])
def test_a_cut_archive(tmp_path, scratch, name, kept):
    whole = write(tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(whole[: kept if isinstance(kept, int) else int(kept * len(whole))])
    if name == "s.tar" and kept == -1:
        kept = tarfile.RECORDSIZE  # a single byte of the zeros behind the end is no loss
        (tmp_path / name).write_bytes(whole[:-kept])
    with pytest.raises(InputError, match="expected a complete archive"), listed(tmp_path / name, scratch):
        pass
    assert list(scratch.iterdir()) == []


def test_a_tar_with_a_damaged_header_is_not_taken_for_shorter(tmp_path, scratch):
    with tarfile.open(write(tmp_path / "s.tar")) as archive:
        offset = archive.getmembers()[7].offset
    data = bytearray((tmp_path / "s.tar").read_bytes())
    data[offset + 3] ^= 0xFF
    (tmp_path / "s.tar").write_bytes(data)
    with (
        pytest.raises(InputError, match=f"the header at byte {offset} is damaged"),
        listed(tmp_path / "s.tar", scratch),
    ):
        pass


@pytest.mark.timeout(20)
def test_a_tar_that_leads_in_a_circle_ends(tmp_path, scratch):
    with tarfile.open(tmp_path / "s.tar", "w") as archive:
        add(archive, "a/1.jpg", b"1")
        archive.fileobj.write(header_of_size(-512))
    with pytest.raises(InputError, match="expected a complete archive"), listed(tmp_path / "s.tar", scratch):
        pass


@pytest.mark.parametrize("kind", [tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK, tarfile.XHDTYPE, tarfile.XGLTYPE])
@pytest.mark.parametrize("size_bytes", [2**20 + 1, 2**45, 2**62])
def test_a_header_that_says_it_is_very_large_gets_no_memory(tmp_path, scratch, kind, size_bytes):
    header = tarfile.TarInfo("a/1.jpg")
    header.type, header.size = kind, size_bytes
    (tmp_path / "s.tar").write_bytes(header.tobuf(tarfile.GNU_FORMAT) + bytes(tarfile.RECORDSIZE))
    with (
        pytest.raises(InputError, match=r"complete archive, but it cannot be read: a header of \d+ bytes"),
        listed(tmp_path / "s.tar", scratch),
    ):
        pass


@pytest.mark.parametrize("tar_format", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_long_names_in_a_tar(tmp_path, scratch, tar_format):
    name = "/".join(["ü" * 100] * 20) + "/1.jpg"
    with tarfile.open(tmp_path / "s.tar", "w", format=tar_format) as archive:
        add(archive, name, b"one")
    with listed(tmp_path / "s.tar", scratch) as files:
        assert {name: file.read() for name, file in files.items()} == {name: b"one"}


def test_a_size_below_zero_is_not_taken_for_all_that_follows(tmp_path, only):
    ending = bytes(2 * tarfile.BLOCKSIZE)
    (tmp_path / "s.tar").write_bytes(header_of_size(-1) + ending)
    with pytest.raises(InputError, match="damaged inside the archive: -1 bytes from byte 512"):
        only(tmp_path / "s.tar")


def header_of_size(size_bytes):
    """A header with a size below zero, which leads back to itself."""
    header = bytearray(tarfile.TarInfo("a/2.jpg").tobuf(tarfile.GNU_FORMAT))
    header[124:136] = b"\xff" + (256**11 + size_bytes).to_bytes(11, "big")
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header)


@pytest.mark.parametrize("name", ["s.zip", "s.tar", "s.tgz"])
def test_whatever_byte_is_wrong_nothing_but_an_input_error_comes(tmp_path, scratch, name):
    whole = write(tmp_path / name, {"a/1.jpg": b"one", "b/2.jpg": bytes(600), "ü/3.jpg": b"3"}).read_bytes()
    chance = random.Random(7)
    for _ in range(300):
        data = bytearray(whole)
        for _ in range(chance.randint(1, 4)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        (tmp_path / name).write_bytes(data)
        try:
            with listed(tmp_path / name, scratch) as files:
                for file in files.values():
                    try:
                        assert len(file.read()) == file.size_bytes
                    except InputError:
                        continue
        except InputError:
            continue
