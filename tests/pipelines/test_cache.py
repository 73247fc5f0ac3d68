"""A step is reused only if its code, data and parameters are what they were."""

import os
import shutil
from pathlib import Path

import pytest

from pipelines.local import cache
from pipelines.local.cache import StepCache, code_on_this_machine, listing_digest


class Listener:
    def __init__(self):
        self.reused_steps = []

    def reused(self, step):
        self.reused_steps.append(step)


def key(folder: Path, code: str, argument: str) -> str:
    steps = StepCache(folder, lambda _: code, Listener())
    return steps.compute_key("comp-train", image="i", full_command=["c"], arguments={"a": argument})


def test_key_changes_with_code_and_arguments(tmp_path):
    assert key(tmp_path, "code", "1") == key(tmp_path, "code", "1")
    assert len({key(tmp_path, "code", "1"), key(tmp_path, "edited", "1"), key(tmp_path, "code", "2")}) == 3


def test_reused_step_is_reported_with_its_outputs(tmp_path):
    listener = Listener()
    steps = StepCache(tmp_path, lambda _: "code", listener)
    train = steps.compute_key("comp-train", image="i", full_command=[], arguments={})
    assert steps.get(train) is None
    steps.put(train, {"decision": "bless"})
    assert steps.get(train) == {"decision": "bless"}
    assert listener.reused_steps == ["train"]
    assert steps.hits == {"train": {"decision": "bless"}}


@pytest.fixture
def photos(tmp_path) -> Path:
    folder = tmp_path / "photos"
    (folder / "a class").mkdir(parents=True)
    (folder / "a class/one.jpg").write_bytes(b"one")
    (folder / "a class/two\n'\".jpg").write_bytes(b"two")
    os.utime(folder / "a class/one.jpg", (1, 1))
    return folder


def add(folder):
    (folder / "a class/three.jpg").write_bytes(b"three")


def remove(folder):
    (folder / "a class/one.jpg").unlink()


def rename(folder):
    (folder / "a class/one.jpg").rename(folder / "a class/uno.jpg")


def move_to_another_class(folder):
    (folder / "a class").rename(folder / "b class")


def edit_without_changing_the_size(folder):
    (folder / "a class/one.jpg").write_bytes(b"ONE")


@pytest.mark.parametrize("change", [add, remove, rename, move_to_another_class, edit_without_changing_the_size])
def test_listing_digest_changes_with_the_data(photos, change):
    before = listing_digest(photos)
    assert listing_digest(photos) == before
    change(photos)
    assert listing_digest(photos) != before


def test_listing_digest_does_not_depend_on_where_the_data_is(photos, tmp_path):
    assert listing_digest(photos) == listing_digest(photos.rename(tmp_path / "elsewhere"))


def test_listing_digest_of_an_archive_changes_with_it(tmp_path):
    archive = tmp_path / "photos.zip"
    archive.write_bytes(b"1")
    before = listing_digest(archive)
    archive.write_bytes(b"22")
    assert listing_digest(archive) != before


def test_code_digest_changes_with_own_and_shared_code_only(tmp_path, monkeypatch):
    shutil.copytree(cache._ROOT / "components", tmp_path / "components", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "requirements.txt").write_text("numpy==2\n")
    monkeypatch.setattr(cache, "_ROOT", tmp_path)

    def changed_by(file: str) -> set[str]:
        steps = ("ingest", "split", "train")
        before = {step: code_on_this_machine(step) for step in steps}
        with (tmp_path / file).open("a") as stream:
            stream.write("# changed\n")
        return {step for step in steps if code_on_this_machine(step) != before[step]}

    assert changed_by("components/train/loop.py") == {"train"}
    assert changed_by("components/formats/dataset.py") == {"ingest", "split", "train"}
    assert changed_by("components/_storage.py") == {"ingest", "split", "train"}
    assert changed_by("requirements.txt") == {"ingest", "split", "train"}
