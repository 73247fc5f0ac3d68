"""What a backbone is made from, and whether it has changed."""

from pathlib import Path

import pytest

from components._errors import InputError
from components.train.backbones.given import given_files, version_of


@pytest.mark.parametrize(
    ("backbone", "weights", "files"),
    [
        ("efficientnet_lite0", "auto", {}),
        ("mobilenet", "imagenet", {}),
        ("baseline_cnn", "none", {}),
        ("baseline_cnn", "w.h5", {"weights": "w.h5"}),
        ("mobilenet", "gs://acme/w.keras", {"weights": "gs://acme/w.keras"}),
        ("keras_hub:vit_tiny", "none", {}),
        ("keras_hub:photos", "none", {}),
        ("keras_hub:preset", "imagenet", {"backbone": "preset"}),
        ("keras_hub:preset", "w.h5", {"weights": "w.h5", "backbone": "preset"}),
    ],
)
def test_files_and_folders_that_are_given_and_nothing_else(backbone, weights, files, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for folder in ("preset", "photos"):
        Path(folder).mkdir()
    Path("preset", "config.json").touch()
    assert given_files(backbone, weights) == files


def test_nothing_has_no_version():
    assert version_of({}) == ""


def test_the_version_is_that_of_the_content(tmp_path):
    weights = tmp_path / "w.h5"
    weights.write_bytes(b"one")
    first = version_of({"weights": str(weights)})
    weights.write_bytes(b"two")
    second = version_of({"weights": str(weights)})
    weights.write_bytes(b"one")
    assert len({first, second}) == 2
    assert version_of({"weights": str(weights)}) == first
    assert version_of({"weights": str(weights.rename(tmp_path / "moved.h5"))}) == first


def test_the_version_of_a_folder_is_that_of_its_files_and_their_names(tmp_path):
    (tmp_path / "preset").mkdir()
    config = tmp_path / "preset" / "config.json"
    versions = [version_of({"backbone": str(tmp_path / "preset")})]
    config.write_text("{}")
    versions.append(version_of({"backbone": str(tmp_path / "preset")}))
    config.rename(config.with_name("task.json"))
    versions.append(version_of({"backbone": str(tmp_path / "preset")}))
    (tmp_path / "preset" / "model.weights.h5").write_bytes(b"one")
    versions.append(version_of({"backbone": str(tmp_path / "preset")}))
    assert len(set(versions)) == 4


def test_an_object_has_the_version_that_its_server_tells(bucket):
    uri = f"{bucket.uri}/w.h5"
    bucket.put("w.h5", b"one")
    first = version_of({"weights": uri})
    assert version_of({"weights": uri}) == first
    bucket.put("w.h5", b"two")
    assert version_of({"weights": uri}) != first


def test_what_is_not_there_is_said(tmp_path):
    with pytest.raises(InputError, match=r"weights: expected a file that can be read\. .*No such file.*w\.h5"):
        version_of({"weights": str(tmp_path / "w.h5")})
