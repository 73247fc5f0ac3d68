"""The files of a folder."""

import os
import pickle

import pytest

from components._errors import InputError
from components.ingest.source import files as files_module
from components.ingest.source.files import folder_files, local_file

AWKWARD = ["a b/1'\".jpg", "ü/客厅\n.jpg", os.fsdecode(b"caf\xe9/1.jpg"), "a/b/c/d.jpg"]


def write(folder, name, data=b"1"):
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data)


def test_every_file_is_found_by_its_path(tmp_path):
    for name in AWKWARD:
        write(tmp_path, name, name.encode(errors="surrogateescape"))
    found = dict(folder_files(tmp_path))
    assert {name: file.read() for name, file in found.items()} == {
        name: name.encode(errors="surrogateescape") for name in AWKWARD
    }
    assert {file.save for file in found.values()} == {None}


def test_another_process_can_read_it(tmp_path):
    write(tmp_path, "a/1.jpg", b"one")
    ((_, file),) = folder_files(tmp_path)
    assert pickle.loads(pickle.dumps(file)).read() == b"one"
    assert file.size_bytes == 3


def test_the_version_changes_with_size_and_time(tmp_path):
    write(tmp_path, "1.jpg", b"one")
    os.utime(tmp_path / "1.jpg", ns=(1, 1))
    seen = {local_file(tmp_path / "1.jpg").version}
    os.utime(tmp_path / "1.jpg", ns=(1, 2))
    seen.add(local_file(tmp_path / "1.jpg").version)
    write(tmp_path, "1.jpg", b"three")
    os.utime(tmp_path / "1.jpg", ns=(1, 2))
    seen.add(local_file(tmp_path / "1.jpg").version)
    assert len(seen) == 3


def test_what_is_not_there_is_found_and_fails_when_it_is_read(tmp_path):
    (tmp_path / "gone.jpg").symlink_to("nowhere.jpg")
    (tmp_path / "round.jpg").symlink_to("round.jpg")
    found = dict(folder_files(tmp_path))
    with pytest.raises(FileNotFoundError):
        found["gone.jpg"].read()
    with pytest.raises(OSError, match="symbolic links"):
        found["round.jpg"].read()
    with pytest.raises(ValueError, match="null byte"):
        local_file(tmp_path / "a\0.jpg").read()


@pytest.mark.timeout(10)
def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.jpg")
    with pytest.raises(InputError, match="not a regular file"):
        dict(folder_files(tmp_path))["pipe.jpg"].read()


def test_what_is_too_large_is_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr(files_module, "MAX_FILE_BYTES", 3)
    write(tmp_path, "1.jpg", b"four")
    with pytest.raises(InputError, match="4 bytes: more than 3"):
        local_file(tmp_path / "1.jpg").read()


def test_circles_of_links_are_not_walked(tmp_path):
    write(tmp_path, "elsewhere/1.jpg")
    source = tmp_path / "s"
    (source / "b").mkdir(parents=True)
    (source / "a").symlink_to(tmp_path / "elsewhere")
    (source / "b" / "up").symlink_to(source)
    (tmp_path / "elsewhere" / "back").symlink_to(source)
    (source / "out").symlink_to(tmp_path)
    assert list(dict(folder_files(source))) == ["a/1.jpg"]


@pytest.mark.timeout(10)
def test_folders_that_link_to_each_other_are_listed_once_each(tmp_path):
    folders = [f"d{number:02d}" for number in range(12)]
    for folder in folders:
        write(tmp_path, f"{folder}/1.jpg")
        for other in folders:
            (tmp_path / folder / f"to {other}").symlink_to(tmp_path / other)
    assert sorted(dict(folder_files(tmp_path))) == [f"{folder}/1.jpg" for folder in folders]


def test_a_folder_behind_links_is_listed_where_it_really_is_or_else_at_the_first_link(tmp_path):
    write(tmp_path, "elsewhere/1.jpg")
    write(tmp_path, "elsewhere/deep/2.jpg")
    write(tmp_path, "s/z/really here/3.jpg")
    for link, target in (("kitchen", "elsewhere"), ("lounge", "elsewhere"), ("a", "s/z/really here")):
        (tmp_path / "s" / link).symlink_to(tmp_path / target)
    (tmp_path / "elsewhere" / "back").symlink_to(tmp_path / "s" / "z")
    found = dict(folder_files(tmp_path / "s"))
    assert sorted(found) == ["kitchen/1.jpg", "kitchen/deep/2.jpg", "z/really here/3.jpg"]


def test_a_class_that_is_kept_in_a_hidden_folder_is_listed_at_its_link(tmp_path):
    """As Kubernetes mounts volumes: the files are in a folder with a date, and links lead there through another."""
    write(tmp_path, "..2024/kitchen/1.jpg")
    (tmp_path / "..data").symlink_to("..2024")
    (tmp_path / "kitchen").symlink_to("..data/kitchen")
    assert list(dict(folder_files(tmp_path))) == ["kitchen/1.jpg"]


def test_a_folder_that_cannot_be_listed(tmp_path):
    write(tmp_path, "a")
    with pytest.raises(InputError, match=r"expected to list .*/a, but: Not a directory"):
        list(folder_files(tmp_path / "a"))


def test_a_folder_that_cannot_be_listed_stays_on_its_line(tmp_path):
    write(tmp_path, "a\nb")
    with pytest.raises(InputError, match=r"expected to list .*/a\\nb, but: Not a directory"):
        list(folder_files(tmp_path / "a\nb"))
