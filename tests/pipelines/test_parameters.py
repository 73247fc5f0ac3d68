"""Where parameters come from, and what is said of wrong ones."""

import pytest

from components._errors import InputError
from pipelines.parameters import Parameters, preset_names, resolve


def test_a_later_source_wins_over_an_earlier_one(tmp_path):
    config = tmp_path / "mine.yaml"
    config.write_text("head_views: 3\nbatch_size: 16\n")
    assert resolve().head_epochs == Parameters().head_epochs
    assert resolve(preset="quick").head_views == 1
    assert resolve(preset="quick", config=config).head_views == 3
    parameters = resolve(preset="quick", config=config, settings=["head_views=5"])
    assert (parameters.head_views, parameters.batch_size, parameters.finetune_epochs) == (5, 16, 0)


@pytest.mark.parametrize("name", preset_names())
def test_preset_is_valid(name):
    assert resolve(preset=name) != Parameters(), "a preset that changes nothing"


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("min_recal=0.5", r"min_recal: no such parameter. The nearest is 'min_recall'\."),
        ("min_recall=1.5", r"min_recall: expected float in \[0, 1\]\. Received: 1\.5\."),
        ("dropout=1", r"dropout: expected float in \[0, 1\)\. Received: 1\."),
        ("batch_size=many", r"batch_size: expected int in \[1, 4096\]\. Received: 'many'\."),
        ("image_size_px=100", r"image_size_px: expected int in \[32, 1024\] and a multiple of 32\. Received: 100\."),
        ("augmentation=wild", r"augmentation: expected one of none, light, default\. Received: 'wild'\."),
        ("head_epochs", r"--set: expected name=value, head_epochs=10 for example\. Received: 'head_epochs'\."),
        ("head_epochs=[", r"--set head_epochs: expected a value\. Received: '\['\."),
    ],
)
def test_wrong_setting_is_named_with_what_was_expected(setting, message):
    with pytest.raises(InputError, match=message):
        resolve(settings=[setting])


def test_all_wrong_settings_are_named_at_once():
    with pytest.raises(InputError) as error:
        resolve(settings=["min_recall=2", "seed=-1", "nonsense=1"])
    lines = str(error.value).splitlines()
    assert sorted(line.split(":")[0] for line in lines) == ["min_recall", "nonsense", "seed"]


def test_parameters_that_contradict_each_other_are_refused():
    with pytest.raises(InputError, match=r"validation_fraction \+ test_fraction: expected less than 0\.8"):
        resolve(settings=["validation_fraction=0.4", "test_fraction=0.45"])
    with pytest.raises(InputError, match=r"head_epochs \+ finetune_epochs"):
        resolve(settings=["head_epochs=0", "finetune_epochs=0"])


@pytest.mark.parametrize("content", ["- a list\n", "just words\n", "a: [1\n"])
def test_config_that_is_no_mapping_is_refused(tmp_path, content):
    config = tmp_path / "mine.yaml"
    config.write_text(content)
    with pytest.raises(InputError, match=r"mine\.yaml: expected"):
        resolve(config=config)


def test_missing_config_and_unknown_preset_are_named(tmp_path):
    with pytest.raises(InputError, match=r"nowhere\.yaml"):
        resolve(config=tmp_path / "nowhere.yaml")
    with pytest.raises(InputError, match=r"expected one of .*quick.*Received: 'quik'\. The nearest is 'quick'\."):
        resolve(preset="quik")
