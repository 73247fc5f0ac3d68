"""Where parameters come from, and what a person is told of wrong ones."""

from pathlib import Path

import pytest

from components._errors import InputError
from pipelines.parameters import PRESETS, Parameters, preset_names, read_preset, resolve


@pytest.fixture
def config(tmp_path):
    def write(text: str) -> Path:
        file = tmp_path / "mine.yaml"
        file.write_text(text, encoding="utf-8")
        return file

    return write


def test_a_later_source_wins(config):
    quick = read_preset("quick")
    assert "finetune_epochs" in quick
    assert resolve("quick") == Parameters(**quick)
    file = config("finetune_epochs: 7\nhead_views: 3")
    assert resolve("quick", file) == Parameters(**quick | {"finetune_epochs": 7, "head_views": 3})
    all_three = resolve("quick", file, ["head_views=2", "head_views=5"])
    assert all_three == Parameters(**quick | {"finetune_epochs": 7, "head_views": 5})


def test_without_sources_all_is_default():
    assert resolve() == Parameters()


@pytest.mark.parametrize(
    ("setting", "name", "value"),
    [
        ("head_learning_rate=1e-4", "head_learning_rate", 1e-4),
        ("augmentation=none", "augmentation", "none"),
        (" min_recall = 0 ", "min_recall", 0.0),
    ],
)
def test_settings_are_read_as_yaml(setting, name, value):
    assert getattr(resolve(settings=[setting]), name) == value


@pytest.mark.parametrize("name", preset_names())
def test_every_preset_is_valid_and_changes_something(name):
    assert resolve(name) != Parameters()


def test_every_preset_file_is_listed():
    assert {file.name for file in PRESETS.iterdir()} == {f"{name}.yaml" for name in preset_names()}


def test_files_of_a_backbone_are_named_as_any_folder_sees_them(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("preset").mkdir()
    Path("preset/config.json").touch()
    given = resolve(settings=["weights=w.h5", "backbone=keras_hub:preset"])
    assert (given.weights, given.backbone) == (f"{tmp_path}/w.h5", f"keras_hub:{tmp_path}/preset")
    Path("linked.h5").symlink_to("blobs/5f2a")  # whose name does not say what it is
    assert resolve(settings=["weights=./linked.h5"]).weights == f"{tmp_path}/linked.h5"
    elsewhere = resolve(settings=["weights=gs://acme/w.h5", "backbone=keras_hub:vit_tiny"])
    assert (elsewhere.weights, elsewhere.backbone) == ("gs://acme/w.h5", "keras_hub:vit_tiny")


def test_all_errors_come_at_once(config):
    settings = ["image_size_px=2000", "unknown_classes=wild", "dropout=a"]
    with pytest.raises(InputError) as error:
        resolve(None, file := config("min_recal: 0.5\nbatch_size: 0"), settings)
    assert set(str(error.value).splitlines()) == {
        f"{file}: min_recal: no such parameter. The nearest is 'min_recall'.",
        f"{file}: batch_size: expected int in [1, 4096] or auto. Received: 0.",
        "--set: image_size_px: expected int in [32, 1024]. Received: 2000.",
        "--set: unknown_classes: expected one of error, other. Received: 'wild'.",
        "--set: dropout: expected float in [0, 1). Received: 'a'.",
    }


@pytest.mark.parametrize("value", ["{class}/**", "**/{class}/*", "[ab]{class}/*"])
def test_texts_are_taken_as_they_are(value):
    assert resolve(settings=[f"class_pattern={value}"]).class_pattern == value


@pytest.mark.parametrize("setting", ["class_pattern=photos/*", "group_pattern=listing-(", "augmentation=wild"])
def test_patterns_and_policies_are_checked_before_anything_starts(setting):
    with pytest.raises(InputError, match=setting.split("=")[0].replace("_", "[_-]")):
        resolve(settings=[setting])


def test_parameters_that_do_not_go_together_are_named():
    with pytest.raises(InputError, match=r"^validation_fraction \+ test_fraction: expected less than 0\.8\. Rec"):
        resolve(settings=["validation_fraction=0.4", "test_fraction=0.4"])
    with pytest.raises(InputError, match=r"^head_epochs \+ finetune_epochs: "):
        resolve(settings=["head_epochs=0", "finetune_epochs=0"])


def test_an_unknown_preset_is_answered_with_the_known_ones():
    with pytest.raises(InputError, match=r"expected one of .*quick.* Received: 'quik'\. The nearest is 'quick'\."):
        resolve("quik")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("- head_epochs\n- 3", "expected `name: value` lines. Received: list"),
        ("head_epochs", "expected `name: value` lines. Received: str"),
        ("head_epochs: [", "expected a YAML file of parameters"),
        ("3: 4", "3: no such parameter"),
    ],
)
def test_a_file_of_anything_else_is_refused(config, text, complaint):
    with pytest.raises(InputError) as error:
        resolve(config=config(text))
    assert complaint in str(error.value)


def test_an_empty_file_sets_nothing(config):
    assert resolve(config=config("# nothing yet\n")) == Parameters()


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"nowhere\.yaml: expected a YAML file of parameters"):
        resolve(config=tmp_path / "nowhere.yaml")


@pytest.mark.parametrize("setting", ["head_epochs", "=3", "head_epochs:3"])
def test_a_setting_without_name_or_value_is_refused(setting):
    with pytest.raises(InputError, match="--set: expected name=value"):
        resolve(settings=[setting])


def test_a_setting_that_is_no_yaml_is_refused():
    with pytest.raises(InputError, match=r"--set head_epochs: expected a value\. Received: '\['"):
        resolve(settings=["head_epochs=["])
