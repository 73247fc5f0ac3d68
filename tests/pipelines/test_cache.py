"""Steps are reused only while code, data and parameters are the same."""

import os
import shutil
from pathlib import Path

import pytest
from kfp import dsl

from components._errors import InputError
from components._objects import ABSENT, replace_object
from pipelines.local import cache as cache_module
from pipelines.local.cache import StepCache, code_on_this_machine, ledger_digest
from pipelines.local.cache import listing_digest as digest_of_source
from pipelines.local.data import data_arguments


class Seen:
    def __init__(self):
        self.steps = []

    def reused(self, step):
        self.steps.append(step)


def key_of(cache: StepCache, component_name="comp-train", command=("python",), **arguments) -> str:
    return cache.compute_key(component_name, "scenery-train:1", list(command), arguments)


@pytest.fixture
def digests():
    return {"train": "a" * 64, "split": "a" * 64}


@pytest.fixture
def cache(tmp_path, digests):
    return StepCache(tmp_path / "cache", lambda step: digests[step], Seen(), reuse=True)


@pytest.fixture
def model(tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    return dsl.Model(name="model", uri=str(folder), metadata={"epoch": 3})


def test_key_changes_with_code_command_and_arguments(cache, digests):
    keys = {key_of(cache), key_of(cache, seed=1), key_of(cache, command=("python3",)), key_of(cache, "comp-split")}
    digests["train"] = "b" * 64
    assert key_of(cache) not in keys
    assert len(keys) == 4
    digests["train"] = "a" * 64
    assert key_of(cache) in keys


def test_earlier_outputs_are_left_alone_unless_asked_for(tmp_path, cache):
    cache.put(key_of(cache), {"decision": "bless"})
    unasked = StepCache(tmp_path / "cache", lambda _: "a" * 64, Seen(), reuse=False)
    assert unasked.get(key_of(unasked)) is None
    assert unasked.hits == {}


def test_earlier_outputs_are_found_and_told(cache, model):
    key = key_of(cache)
    assert cache.get(key) is None
    cache.put(key, {"model": model, "decision": "bless"})
    outputs = cache.get(key)
    assert (outputs["model"].uri, outputs["model"].metadata, outputs["decision"]) == (model.uri, {"epoch": 3}, "bless")
    assert cache.hits == {"train": outputs}
    assert cache._progress.steps == ["train"]


def test_outputs_that_were_removed_are_not_reused(cache, model):
    key = key_of(cache)
    cache.put(key, {"model": model})
    Path(model.uri).rmdir()
    assert cache.get(key) is None
    assert cache.hits == {}
    assert cache._progress.steps == []


def listing_digest(source) -> str:
    return digest_of_source(str(source))


@pytest.fixture
def source(tmp_path):
    folder = tmp_path / "photos"
    for name in ("kitchen/a.jpg", "kitchen/b [1].jpg", "hall/ü\n.jpg"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"picture")
    (folder / "hall" / os.fsdecode(b"\xff.jpg")).write_bytes(b"a name that is not UTF-8")
    return folder


def add(source):
    (source / "kitchen" / "c.jpg").write_bytes(b"picture")


def remove(source):
    (source / "kitchen" / "a.jpg").unlink()


def rename(source):
    (source / "kitchen" / "a.jpg").rename(source / "kitchen" / "d.jpg")


def relabel(source):
    (source / "kitchen" / "a.jpg").rename(source / "hall" / "a.jpg")


def grow(source):
    (source / "kitchen" / "a.jpg").write_bytes(b"a larger picture")


def touch(source):
    os.utime(source / "kitchen" / "a.jpg", ns=(1, 1))


@pytest.mark.parametrize("change", [add, remove, rename, relabel, grow, touch])
def test_any_change_of_a_file_changes_the_listing(source, change):
    before = listing_digest(source)
    assert listing_digest(source) == before
    change(source)
    assert listing_digest(source) != before


def test_the_listing_is_the_same_wherever_the_data_is(source, tmp_path):
    assert listing_digest(source) == listing_digest(source.rename(tmp_path / "elsewhere"))


def test_a_class_folder_behind_a_link_is_listed_as_ingest_reads_it(source, tmp_path):
    (source / "kitchen").rename(tmp_path / "elsewhere")
    (source / "kitchen").symlink_to(tmp_path / "elsewhere")
    before = listing_digest(source)
    (tmp_path / "elsewhere" / "c.jpg").write_bytes(b"picture")
    assert listing_digest(source) != before


def test_links_to_nothing_and_to_themselves_do_no_harm(source):
    (source / "hall" / "gone.jpg").symlink_to("nowhere.jpg")
    (source / "hall" / "again").symlink_to(source)
    (source / "hall" / "round.jpg").symlink_to("round.jpg")
    before = listing_digest(source)
    (source / "hall" / "nowhere.jpg").write_bytes(b"here after all")
    assert listing_digest(source) != before


def test_an_archive_is_listed_as_one_file(tmp_path):
    archive = tmp_path / "photos.zip"
    archive.write_bytes(b"one")
    before = listing_digest(archive)
    archive.write_bytes(b"three")
    assert listing_digest(archive) != before


@pytest.fixture
def manifest(source):
    manifest = source.parent / "labels.csv"
    manifest.write_text("uri,label\nphotos/kitchen/a.jpg,kitchen\nphotos/hall/gone.jpg,hall\n")
    return manifest


@pytest.mark.parametrize("change", [remove, rename, relabel, grow, touch])
def test_any_change_of_a_file_that_a_manifest_names_changes_the_listing(manifest, source, change):
    before = listing_digest(manifest)
    assert listing_digest(manifest) == before
    change(source)
    assert listing_digest(manifest) != before


def test_files_that_a_manifest_does_not_name_are_no_part_of_the_listing(manifest, source):
    before = listing_digest(manifest)
    add(source)
    assert listing_digest(manifest) == before


def test_any_change_of_a_manifest_changes_the_listing(manifest):
    before = listing_digest(manifest)
    manifest.write_text(manifest.read_text().replace(",hall", ",kitchen"))
    assert listing_digest(manifest) != before


def test_a_replaced_object_changes_the_listing(bucket, tmp_path):
    bucket.put("photos/a/1.jpg", b"one")
    bucket.put("photos.zip", b"archive one")
    (tmp_path / "labels.csv").write_text(f"uri,label\n{bucket.uri}/photos/a/1.jpg,a\n{bucket.uri}/gone.jpg,a\n")
    bucket.put("labels.csv", b"uri,label\nphotos/a/1.jpg,a\n")
    sources = [f"{bucket.uri}/{name}" for name in ("photos", "photos.zip", "labels.csv")] + [tmp_path / "labels.csv"]
    before = [listing_digest(source) for source in sources]
    assert [listing_digest(source) for source in sources] == before
    bucket.put("photos/a/1.jpg", b"two")
    bucket.put("photos.zip", b"archive two")
    assert not set(before) & {listing_digest(source) for source in sources}


def test_an_archive_that_is_not_there_is_an_error_before_a_run_begins(gs):
    with pytest.raises(InputError, match=r"gone\.zip: expected to reach it, but there is no such bucket or object"):
        listing_digest(f"{gs.uri}/gone.zip")


def test_a_ledger_is_its_content_wherever_it_is(gs, tmp_path):
    here, there = str(tmp_path / "ledger.parquet"), f"{gs.uri}/ledger.parquet"
    for ledger in (here, there):
        assert ledger_digest(ledger).startswith("none yet")
        assert ledger_digest(ledger) != ledger_digest(ledger)
        generation = replace_object(ledger, b"one", ABSENT)
    one = ledger_digest(here)
    assert ledger_digest(there) == one
    replace_object(there, b"two", generation)
    assert ledger_digest(there) != one
    assert ledger_digest("") == ""


@pytest.mark.parametrize("ledger", ["gcs://acme/ledger.parquet", "s3://acme/ledger.parquet"])
def test_a_ledger_that_could_not_be_written_back_is_an_error_before_anything_is_listed(source, monkeypatch, ledger):
    monkeypatch.setattr("pipelines.local.data.listing_digest", None)
    with pytest.raises(InputError, match=f"{ledger}: expected a local path or gs://"):
        data_arguments(str(source), ledger)


def test_a_folder_is_no_ledger(tmp_path):
    with pytest.raises(InputError, match="--ledger: expected a file, or none yet, found a folder"):
        ledger_digest(str(tmp_path))


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A copy of what the digest is of, to be changed."""
    shutil.copytree(cache_module._ROOT / "components", tmp_path / "components")
    shutil.copy(cache_module._ROOT / "requirements.txt", tmp_path)
    monkeypatch.setattr(cache_module, "_ROOT", tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("file", "changed"),
    [
        ("components/_storage.py", {"ingest", "train"}),
        ("components/_page.html.j2", {"ingest", "train"}),
        ("components/formats/dataset.py", {"ingest", "train"}),
        ("requirements.txt", {"ingest", "train"}),
        ("components/train/loop.py", {"train"}),
        ("components/ingest/source/listing.py", {"ingest"}),
        ("components/ingest/new_module.py", {"ingest"}),
        ("components/evaluate/report.html.j2", set()),
    ],
)
def test_code_is_what_is_shared_and_what_is_the_components_own(repository, file, changed):
    before = {component: code_on_this_machine(component) for component in ("ingest", "train")}
    with (repository / file).open("a") as stream:
        stream.write("\n")
    assert {component for component, digest in before.items() if code_on_this_machine(component) != digest} == changed
