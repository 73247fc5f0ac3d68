import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from components._errors import InputError
from components.ingest.sources import open_source

FILES = {
    "top/b/2.JPG": b"b2",
    "top/a/1.png": b"a1",
    "top/a/notes.txt": b"text",
    "top/.hidden/3.jpg": b"hidden",
    "top/a/._1.png": b"hidden",
    "__MACOSX/a/1.png": b"hidden",
    "top/a/Thumbs.db": b"hidden",
    "stray.jpg": b"no class",
}


def _write_folder(path: Path) -> Path:
    for name, data in FILES.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(data)
    return path


def _write_zip(path: Path) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in FILES.items():
            archive.writestr(name, data)
    return path


def _write_tar(path: Path) -> Path:
    with tarfile.open(path, "w:gz" if path.suffix in (".gz", ".tgz") else "w") as archive:
        for name, data in FILES.items():
            _add(archive, "./" + name, data)
    return path


def _add(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(data)
    archive.addfile(member, io.BytesIO(data))


@pytest.fixture(params=["folder", "s.zip", "s.ZIP", "s.tar", "s.tar.gz", "s.tgz"])
def any_source(request, tmp_path):
    path = tmp_path / request.param
    write = {"folder": _write_folder, ".zip": _write_zip}.get(path.suffix.lower() or "folder", _write_tar)
    return write(path)


def test_every_kind_of_source_lists_the_same(any_source, tmp_path):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    with open_source(any_source, scratch) as listing:
        images = [(image.source_uri, image.label, image.read()) for image in listing.images]
        rejected = [(file.source_uri, file.label, file.reason) for file in listing.rejected]
    assert images == [("top/a/1.png", "a", b"a1"), ("top/b/2.JPG", "b", b"b2")]
    assert rejected == [
        ("stray.jpg", "", "it is in no class folder"),
        ("top/a/notes.txt", "a", "its suffix '.txt' is not an image's"),
    ]
    assert list(scratch.iterdir()) == []


def test_labels_are_composed_unicode(tmp_path):
    (tmp_path / "s" / "Ku\u0308che").mkdir(parents=True)
    (tmp_path / "s" / "Ku\u0308che" / "1.jpg").write_bytes(b"1")
    with open_source(tmp_path / "s", tmp_path) as listing:
        assert listing.images[0].label == "K\u00fcche"
        assert listing.images[0].read() == b"1"


def test_a_name_that_is_not_utf8_is_rejected(tmp_path):
    archive = tmp_path / "s.tar"
    with tarfile.open(archive, "w") as tar:
        _add(tar, "a/\udcff.jpg", b"1")
    with open_source(archive, tmp_path) as listing:
        assert listing.images == []
        assert [(file.source_uri, file.reason) for file in listing.rejected] == [
            ("a/\\udcff.jpg", "its name is not UTF-8")
        ]


def test_archives_cannot_point_outside(tmp_path):
    archive = tmp_path / "s.tar"
    with tarfile.open(archive, "w") as tar:
        _add(tar, "../a/up.jpg", b"1")
        _add(tar, "/a/root.jpg", b"1")
        link = tarfile.TarInfo("a/link.jpg")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
    with open_source(archive, tmp_path) as listing:
        assert {file.source_uri: file.reason for file in listing.rejected} == {
            "../a/up.jpg": "its path leads out of the archive",
            "/a/root.jpg": "its path leads out of the archive",
        }
        with pytest.raises(InputError, match="a link inside an archive"):
            listing.images[0].read()


def test_a_link_in_a_zip_is_not_read(tmp_path):
    archive = tmp_path / "s.zip"
    link = zipfile.ZipInfo("a/link.jpg")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr(link, "/etc/passwd")
    with open_source(archive, tmp_path) as listing, pytest.raises(InputError, match="a link inside an archive"):
        listing.images[0].read()


def test_folders_behind_links_are_read_and_circles_are_not_walked(tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "1.jpg").write_bytes(b"1")
    source = tmp_path / "s"
    source.mkdir()
    (source / "a").symlink_to(elsewhere)
    (source / "circle").symlink_to(source)
    with open_source(source, tmp_path) as listing:
        assert [(image.source_uri, image.read()) for image in listing.images] == [("a/1.jpg", b"1")]


@pytest.mark.parametrize("name", ["missing", "missing.zip", "text.txt"])
def test_no_source(tmp_path, name):
    (tmp_path / "text.txt").write_text("no source")
    with pytest.raises(InputError, match=r"expected a folder, \.zip, .* found"), open_source(tmp_path / name, tmp_path):
        pass


def test_an_empty_source(tmp_path):
    (tmp_path / "s" / "a").mkdir(parents=True)
    with pytest.raises(InputError, match="found no file"), open_source(tmp_path / "s", tmp_path):
        pass


@pytest.mark.parametrize("name", ["s.zip", "s.tar", "s.tar.gz"])
@pytest.mark.parametrize("kept", [0, 20, 0.6])
def test_a_damaged_archive(tmp_path, name, kept):
    whole = (_write_zip if name == "s.zip" else _write_tar)(tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(whole[: kept if isinstance(kept, int) else int(kept * len(whole))])
    with pytest.raises(InputError, match="expected a complete archive"), open_source(tmp_path / name, tmp_path):
        pass
