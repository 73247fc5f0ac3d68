"""Which files of a source count, whatever kind it is, and as which class."""

import io
import tarfile
import zipfile
from pathlib import Path

import pytest
from pydantic import ValidationError

from components._errors import InputError
from components.ingest.parameters import IngestParameters
from components.ingest.source.listing import open_source

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


def write_folder(path: Path, files=FILES) -> Path:
    for name, data in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(data)
    return path


def write_zip(path: Path, files=FILES) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def write_tar(path: Path, files=FILES) -> Path:
    with tarfile.open(path, "w:gz" if path.suffix in (".gz", ".tgz") else "w") as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return path


@pytest.fixture
def opened(tmp_path):
    """Opens a source with parameters by name; its scratch is empty again in the end."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()

    def open_it(source, **parameters):
        return open_source(str(source), IngestParameters(**parameters), scratch)

    yield open_it
    assert list(scratch.iterdir()) == []


def found(listing):
    return [(image.source_uri, image.label) for image in listing.images()]


def refused(listing):
    return [(file.source_uri, file.label, file.kind, file.reason) for file in listing.rejected()]


@pytest.fixture(params=["folder", "folder.zip", "s.zip", "s.ZIP", "s.tar", "s.tar.gz", "s.tgz"])
def any_source(request, tmp_path):
    path = tmp_path / request.param
    if "folder" in path.name:
        return write_folder(path)
    if path.suffix.lower() == ".zip":
        return write_zip(path)
    return write_tar(path, {f"./{name}": data for name, data in FILES.items()})


def test_every_kind_of_source_lists_the_same(any_source, opened):
    with opened(any_source) as listing:
        assert found(listing) == [("top/a/1.png", "a"), ("top/b/2.JPG", "b")]
        assert [image.file.read() for image in listing.images()] == [b"a1", b"b2"]
        assert [image.file.size_bytes for image in listing.images()] == [2, 2]
        assert [image.group_key for image in listing.images()] == [None, None]
    assert refused(listing) == [
        ("stray.jpg", "", "bad path", "its path is not of the --class-pattern '**/{class}/*'"),
        ("top/a/notes.txt", "a", "not an image", "its suffix '.txt' is not an image's"),
    ]


def test_labels_are_composed_unicode_and_paths_are_left_as_they_are(tmp_path, opened):
    source = write_folder(tmp_path / "s", {"Ku\u0308che/1.jpg": b"1"})
    with opened(source) as listing:
        assert found(listing) == [("Ku\u0308che/1.jpg", "K\u00fcche")]
        assert next(listing.images()).file.read() == b"1"


def test_awkward_names_are_listed_alike_from_anywhere(tmp_path, opened):
    files = {f"{name}/1.jpg": b"1" for name in ("a b", "'\"", "line\nbreak", "客厅", "кухня", "<i>&amp;")}
    sources = (
        write_folder(tmp_path / "s", files),
        write_zip(tmp_path / "s.zip", files),
        write_tar(tmp_path / "s.tar", files),
    )
    for source in sources:
        with opened(source) as listing:
            assert found(listing) == sorted((name, name.removesuffix("/1.jpg")) for name in files)


def test_a_name_that_is_not_utf8_is_rejected(tmp_path, opened):
    with opened(write_tar(tmp_path / "s.tar", {"a/\udcff.jpg": b"1"})) as listing:
        assert not list(listing.images())
        assert refused(listing) == [("a/\\udcff.jpg", "a", "bad path", "its name is not UTF-8")]


@pytest.mark.parametrize("names", [["a//1.jpg", "a/1.jpg", "a/./1.jpg"], ["a/./1.jpg", "a/1.jpg", "a//1.jpg"]])
def test_files_of_the_same_path_are_not_lost_in_silence(tmp_path, opened, names):
    files = {name: name.encode() for name in [*names, "a/0.jpg", "b//2.jpg"]}
    with opened(write_zip(tmp_path / "s.zip", files)) as listing:
        assert found(listing) == [("a/0.jpg", "a"), ("a/1.jpg", "a"), ("b/2.jpg", "b")]
        assert [image.file.read() for image in listing.images()] == [b"a/0.jpg", b"a/1.jpg", b"b//2.jpg"]
    reason = "its path is that of another file, a/1.jpg"
    assert refused(listing) == [("a//1.jpg", "a", "bad path", reason), ("a/./1.jpg", "a", "bad path", reason)]


OUTSIDE = ["../a/up.jpg", "/a/root.jpg", "a/../../up.jpg", "C:/a/drive.jpg", "..\\a\\up.jpg", "\\\\host\\a\\share.jpg"]


@pytest.mark.parametrize("write", [write_zip, write_tar])
def test_archives_cannot_point_outside(tmp_path, opened, write):
    source = write(tmp_path / write.__name__.replace("write_", "s."), dict.fromkeys(["a/1.jpg", *OUTSIDE], b"1"))
    with opened(source) as listing:
        assert found(listing) == [("a/1.jpg", "a")]
    reason = "its path leads out of the source"
    assert {(file.source_uri, file.kind, file.reason) for file in listing.rejected()} == {
        (uri, "bad path", reason) for uri in OUTSIDE
    }


def test_the_class_is_where_the_pattern_says(tmp_path, opened):
    source = write_folder(tmp_path / "s", {"kitchen/flat 7/1.jpg": b"1", "hall/2.jpg": b"2", "3.jpg": b"3"})
    with opened(source, class_pattern="{class}/*/*") as listing:
        assert found(listing) == [("kitchen/flat 7/1.jpg", "kitchen")]
        assert [(file.source_uri, file.label, file.kind) for file in listing.rejected()] == [
            ("3.jpg", "", "bad path"),
            ("hall/2.jpg", "hall", "bad path"),
        ]


def test_the_group_is_where_the_pattern_says(tmp_path, opened):
    source = write_folder(tmp_path / "s", {"a/listing-7 1.jpg": b"1", "a/listing-7 2.jpg": b"2", "a/3.jpg": b"3"})
    with opened(source, group_pattern=r"listing-(\d+)") as listing:
        assert [(image.source_uri, image.group_key) for image in listing.images()] == [
            ("a/3.jpg", None),
            ("a/listing-7 1.jpg", "7"),
            ("a/listing-7 2.jpg", "7"),
        ]


def test_classes_are_mapped_in_both_lists_and_ignored_folders_are_in_neither(tmp_path, opened):
    names = [
        "architecure/1.jpg",
        "architecure/readme.txt",
        "architecture/2.jpg",
        "_old/3.jpg",
        "_old/4.jpg",
        "_old/x.txt",
    ]
    source = write_folder(tmp_path / "s", dict.fromkeys(names, b"1"))
    with opened(source, class_map={"architecure": "architecture"}, ignored_folders=["_*", "typo"]) as listing:
        assert found(listing) == [("architecture/2.jpg", "architecture"), ("architecure/1.jpg", "architecture")]
        assert [(file.source_uri, file.label) for file in listing.rejected()] == [
            ("architecure/readme.txt", "architecture")
        ]
    assert listing.classes.renamed == [("architecure", "architecture", 1)]
    assert listing.classes.ignored == {"_old": 2}
    assert listing.classes.unused == ["--ignored-folders: 'typo' meets nothing."]


def test_a_folder_of_other_files_is_no_unknown_class(tmp_path, opened):
    source = write_folder(tmp_path / "s", {"kitchen/1.jpg": b"1", "docs/readme.txt": b"text"})
    with opened(source, class_names=["kitchen"]) as listing:
        assert found(listing) == [("kitchen/1.jpg", "kitchen")]
    with pytest.raises(InputError, match="expected no other classes than hall"), opened(source, class_names=["hall"]):
        pass


def test_a_manifest_is_read_by_its_columns(tmp_path, opened):
    write_folder(tmp_path, {"photos/1": b"one", "elsewhere/2.jpg": b"two"})
    manifest = tmp_path / "photos" / "labels.csv"
    rows = ["uri,label,group", "1,Ku\u0308che,7", f"{tmp_path}/elsewhere/2.jpg,hall,", "gone.jpg,hall,", "1,hall,7"]
    manifest.write_text("\n".join(rows))
    with opened(manifest, class_map={"Küche": "kitchen"}, group_pattern="jpg") as listing:
        assert [(image.source_uri, image.label, image.group_key) for image in listing.images()] == [
            (f"{tmp_path}/elsewhere/2.jpg", "hall", None),
            ("1", "kitchen", "7"),
            ("1", "hall", "7"),
            ("gone.jpg", "hall", None),
        ]
        assert [image.file.read() for image in list(listing.images())[:3]] == [b"two", b"one", b"one"]
        with pytest.raises(FileNotFoundError):
            list(listing.images())[3].file.read()
    assert not list(listing.rejected())


def test_without_a_group_column_the_pattern_is_searched_for_in_uris(tmp_path, opened):
    (tmp_path / "labels.jsonl").write_text('{"uri": "listing-7/1.jpg", "label": "hall"}\n')
    with opened(tmp_path / "labels.jsonl", group_pattern=r"listing-(\d+)") as listing:
        assert next(listing.images()).group_key == "7"


def test_a_bucket_is_listed_as_the_folder_it_was_copied_from(bucket, opened):
    for name, data in FILES.items():
        bucket.put(f"photos.zip/{name}", data)
    for source in (f"{bucket.uri}/photos.zip/", f"{bucket.uri}/photos.zip/top"):
        with opened(source) as listing:
            prefix = "" if source.endswith("top") else "top/"
            assert found(listing) == [(f"{prefix}a/1.png", "a"), (f"{prefix}b/2.JPG", "b")]
            assert [image.file.read() for image in listing.images()] == [b"a1", b"b2"]


def test_an_archive_in_a_bucket_is_fetched_and_read(tmp_path, gs, opened):
    for path in (write_zip(tmp_path / "s.zip"), write_tar(tmp_path / "s.tar.gz")):
        gs.put(f"archives/{path.name}", path.read_bytes())
        with opened(f"{gs.uri}/archives/{path.name}") as listing:
            assert [image.file.read() for image in listing.images()] == [b"a1", b"b2"]


def test_a_manifest_in_a_bucket_names_what_lies_beside_it_and_elsewhere(gs, opened):
    gs.put("2024/1.jpg", b"one")
    gs.put("2023/2.jpg", b"two")
    gs.put("2024/labels.csv", f"uri,label\n1.jpg,a\n{gs.uri}/2023/2.jpg,b\ngone.jpg,b\n".encode())
    with opened(f"{gs.uri}/2024/labels.csv") as listing:
        assert found(listing) == [("1.jpg", "a"), ("gone.jpg", "b"), (f"{gs.uri}/2023/2.jpg", "b")]
        assert [image.file.read() for image in list(listing.images())[::2]] == [b"one", b"two"]
        with pytest.raises(InputError, match=r"2024/gone.jpg: .* no such bucket or object"):
            list(listing.images())[1].file.read()


def test_a_manifest_on_a_web_server_names_files_as_they_are_called_there(make_bucket, opened):
    bucket = make_bucket("s3")
    names = ["100%25.jpg", "a b/ü.jpg", "a#1.jpg", "q?1.jpg"]
    for name in names:
        bucket.put(name, name.encode())
    bucket.put("labels.csv", "\n".join(["uri,label", *(f"{name},hall" for name in names)]).encode())
    with opened(f"{bucket.proxy.url}/{bucket.uri.removeprefix('s3://')}/labels.csv?signature=a/b") as listing:
        assert {image.source_uri: image.file.read() for image in listing.images()} == {
            name: name.encode() for name in names
        }


@pytest.mark.parametrize("name", ["missing", "missing.zip", "text.txt", "missing.csv", "https://acme.example/photos"])
def test_no_source(tmp_path, opened, name):
    (tmp_path / "text.txt").write_text("no source")
    source = name if "://" in name else tmp_path / name
    with pytest.raises(InputError, match=r"expected a folder, \.zip, .* found"), opened(source):
        pass


@pytest.mark.parametrize("files", [{}, {".hidden.jpg": b"1"}])
def test_an_empty_source(tmp_path, opened, files):
    (tmp_path / "s" / "a").mkdir(parents=True)
    (tmp_path / "labels.csv").write_text("uri,label\n")
    for source in (write_folder(tmp_path / "s", files), tmp_path / "labels.csv"):
        with pytest.raises(InputError, match="found no file"), opened(source):
            pass


@pytest.mark.parametrize("wrong", [{"class_pattern": "*/*"}, {"group_pattern": "("}])
def test_what_is_wrong_with_a_pattern_is_told_with_all_parameters(wrong):
    flag = "--" + next(iter(wrong)).replace("_", "-")
    with pytest.raises(ValidationError, match=f"{flag}: expected"):
        IngestParameters(**wrong)
