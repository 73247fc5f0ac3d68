import os
from pathlib import Path

import pytest

from pipelines.local.container import IMAGE_USER, _ownership, _shared_folders, container_runner


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    """A caller without any credentials."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("GOOGLE_APPLICATION_CREDENTIALS", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def mounted(runner) -> dict[str, bool]:
    """Returns whether each mounted path is read-only."""
    return {mount["Target"]: mount["ReadOnly"] for mount in runner.container_run_args["mounts"]}


def test_containers_reach_buckets_as_the_caller_does(home, monkeypatch):
    usual = home / ".config/gcloud/application_default_credentials.json"
    own = home / "aws.ini"
    for file in (usual, own):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("secret")
    settings = {"AWS_PROFILE": "photos", "STORAGE_EMULATOR_HOST": "http://gcs:4443", "AWS_CONFIG_FILE": str(own)}
    for name, value in (settings | {"OTHER_SECRET": "no"}).items():
        monkeypatch.setenv(name, value)
    runner = container_runner(home / "runs", [])
    environment = runner.container_run_args["environment"]
    assert settings | {"GOOGLE_APPLICATION_CREDENTIALS": str(usual)} == {
        name: environment[name] for name in (*settings, "GOOGLE_APPLICATION_CREDENTIALS")
    }
    assert "OTHER_SECRET" not in environment
    assert mounted(runner) == {str(home / "runs"): True, str(usual): True, str(own): True}


def test_without_credentials_nothing_is_mounted_for_them(home):
    runner = container_runner(home / "runs", [home / "photos"])
    assert mounted(runner) == {str(home / "runs"): True, str(home / "photos"): True}
    assert "GOOGLE_APPLICATION_CREDENTIALS" not in runner.container_run_args["environment"]


def test_only_the_step_that_replaces_a_local_ledger_may_write_beside_it(tmp_path):
    ledger = tmp_path / "shared" / "ledger [1].parquet"
    folders = _shared_folders(("python", "-m", "components.split", "--ledger-uri", str(ledger)))
    assert list(folders) == [ledger.parent]
    for name in (ledger.name, f".{ledger.name}.lock", "photo.jpg"):
        (ledger.parent / name).touch()
    assert {path.name for path in ledger.parent.glob(folders[ledger.parent])} == {
        ledger.name,
        f".{ledger.name}.lock",
    }
    assert _shared_folders(("split", "--ledger-uri", "gs://acme/ledger.parquet")) == {}
    assert _shared_folders(("split", "--ledger-uri", "")) == {}
    assert _shared_folders(("train",)) == {}


def test_checkpoints_are_in_a_folder_that_containers_may_write_to(tmp_path):
    checkpoints = tmp_path / "runs" / ".checkpoints"
    assert _shared_folders(("train", "--checkpoints", str(checkpoints))) == {checkpoints: "**/*"}
    assert checkpoints.is_dir()
    assert _shared_folders(("train", "--checkpoints", "")) == {}


@pytest.mark.skipif(os.getuid() != 0, reason="only root can lend its folders to somebody else")
def test_root_lends_what_a_container_writes_and_has_it_back(tmp_path):
    (tmp_path / "ledger").touch()
    (tmp_path / "photo.jpg").touch()
    with _ownership({tmp_path: "*ledger*"}) as user:
        assert user == f"{IMAGE_USER}:{IMAGE_USER}"
        assert owners(tmp_path) == {".": IMAGE_USER, "ledger": IMAGE_USER, "photo.jpg": 0}
        os.chown(tmp_path / "photo.jpg", 1000, 1000)
        (tmp_path / ".ledger.lock").touch()
        os.chown(tmp_path / ".ledger.lock", IMAGE_USER, IMAGE_USER)
    assert owners(tmp_path) == {".": 0, "ledger": 0, ".ledger.lock": 0, "photo.jpg": 1000}


def owners(folder) -> dict[str, int]:
    return {str(path.relative_to(folder)): path.stat().st_uid for path in [folder, *folder.iterdir()]}
