"""Ingest from buckets and web servers, as a process of its own, with faults in between."""

import io
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from components.formats.dataset import read_dataset
from components.split.changes import changes
from components.split.ledger import read_ledger
from tests.storage_servers import PASSING_FAULTS, Bucket, always, mixed

pytestmark = pytest.mark.slow

FAULTS = (*PASSING_FAULTS, "stall")


def picture(seed: int) -> bytes:
    blotches = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    stream = io.BytesIO()
    Image.fromarray(blotches).resize((96, 80), Image.Resampling.BICUBIC).save(stream, "JPEG")
    return stream.getvalue()


@pytest.fixture(scope="module")
def photos() -> dict[str, bytes]:
    """Forty photographs in two classes, a copy of one and a file that is none, by path."""
    files = {f"{name}/{n}.jpg": picture(100 * k + n) for k, name in enumerate(("coast", "küche #1")) for n in range(20)}
    return files | {"coast/copy.jpg": files["coast/0.jpg"], "coast/text.jpg": b"no photograph"}


def ingest(source: str | Path, out: Path, patience_s: float = 20) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "components.ingest", "--source", source, "--images", out / "images"]
    command += ["--report", out / "report"]
    environment = os.environ | {"SCENERY_STORAGE_PATIENCE_S": str(patience_s)}
    return subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment, check=False)


@pytest.fixture(scope="module")
def local_digest(photos, tmp_path_factory) -> str:
    """The digest of the dataset that a folder of the same files gives."""
    folder = tmp_path_factory.mktemp("local")
    for path, data in photos.items():
        (folder / "photos" / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / "photos" / path).write_bytes(data)
    return digest_of(ingest(folder / "photos", folder), folder)


def digest_of(done: subprocess.CompletedProcess[str], out: Path) -> str:
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    dataset = read_dataset(out / "images", "images")
    assert sum(dataset.counts.values()) == 40
    return dataset.digest


def test_a_bucket_gives_the_dataset_of_the_local_folder(bucket, photos, local_digest, tmp_path):
    for path, data in photos.items():
        bucket.put(f"sets/photos/{path}", data)
    bucket.put("sets/photos2/coast/not-meant.jpg", picture(999))
    bucket.proxy.plan = mixed(seed=3, share=0.3, kinds=FAULTS)
    assert digest_of(ingest(f"{bucket.uri}/sets/photos", tmp_path), tmp_path) == local_digest
    assert set(FAULTS) <= set(bucket.proxy.faults)


@pytest.fixture
def archive(make_bucket, photos) -> tuple[Bucket, str]:
    """A .zip in a bucket that a web server shows; with the web address."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as packed:
        for path, data in photos.items():
            packed.writestr(path, data)
    bucket = make_bucket("s3")
    bucket.put("photos.zip", stream.getvalue(), "application/zip")
    return bucket, f"{bucket.proxy.url}/{bucket.uri.removeprefix('s3://')}/photos.zip"


@pytest.mark.parametrize("through", ["web", "s3"])
def test_an_archive_gives_the_dataset_of_the_local_folder(archive, through, local_digest, tmp_path):
    bucket, address = archive
    kinds = [fault for fault in FAULTS if fault != "corrupted" or through == "s3"]  # plain web has no checksums
    bucket.proxy.plan = mixed(seed=4, share=0.3, kinds=kinds)
    source = address if through == "web" else f"{bucket.uri}/photos.zip"
    assert digest_of(ingest(source, tmp_path), tmp_path) == local_digest


@pytest.mark.parametrize(("fault", "cause"), [("503", "status 503"), ("403", "access is refused"), ("reset", "Check")])
def test_a_source_out_of_reach_is_one_message_and_status_2(bucket, fault, cause, tmp_path):
    bucket.put("photos/coast/1.jpg", picture(1))
    bucket.proxy.plan = always(fault)
    done = ingest(f"{bucket.uri}/photos", tmp_path, patience_s=2)
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: {bucket.uri}/photos")
    assert cause in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_storage_that_goes_away_meanwhile_ends_the_step(bucket, photos, tmp_path):
    for path, data in photos.items():
        bucket.put(f"photos/{path}", data)

    def plan():
        yield from [None] * 20
        yield from always("503")

    bucket.proxy.plan = plan()
    done = ingest(f"{bucket.uri}/photos", tmp_path, patience_s=2)
    assert done.returncode == 2
    assert f"error: {bucket.uri}/photos/" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_an_archive_out_of_reach(archive, tmp_path):
    _, address = archive
    done = ingest(address.replace("photos.zip", "none.zip"), tmp_path)
    assert done.returncode == 2
    assert "none.zip: expected to reach it, but there is no such" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_monthly_runs_on_a_growing_bucket_keep_their_ledger_in_it(gs, sample, run_scenery, tmp_path):
    files = {path for path in sample.rglob("*") if path.is_file()}
    later = set(sorted((sample / "livingRoom").iterdir())[::2])
    ledgers = []
    for month in (files - later, later):
        for path in month:
            gs.put(f"photos/{path.relative_to(sample).as_posix()}", path.read_bytes())
        gs.proxy.plan = mixed(seed=5, share=0.2, kinds=PASSING_FAULTS)
        done = run_scenery(
            "run", "--data", f"{gs.uri}/photos", "--ledger", f"{gs.uri}/ledger.parquet", cwd=tmp_path, min_macro_f1=1
        )
        assert done.returncode == 0, done.stdout + done.stderr
        ledgers.append(read_ledger(tmp_path / "runs/latest/split/ledger"))
    assert ingest(sample, tmp_path / "local").returncode == 0
    of_bucket, of_folder = (
        read_dataset(folder / "images", "images") for folder in (tmp_path / "runs/latest/ingest", tmp_path / "local")
    )
    assert of_bucket.digest == of_folder.digest
    split_of = [{image: entry.split for entry in ledger.entries for image in entry.images} for ledger in ledgers]
    assert split_of[0].items() <= split_of[1].items()
    assert len(split_of[1]) > len(split_of[0])
    new, told = len(split_of[1]) - len(split_of[0]), changes(ledgers[1])
    assert (told.new_images, told.vanished_images, told.moved) == (new, 0, ())
    report = (tmp_path / "runs/latest/split/report.html").read_text()
    assert f"{new} new images and 0 gone" in report
    assert "<dt>Moved groups</dt>\n  <dd>none</dd>" in report
