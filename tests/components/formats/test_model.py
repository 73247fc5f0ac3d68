import json
import sys

import keras
import numpy as np
import pytest

from components._errors import InputError
from components.formats.model import KERAS_FILE, SPEC_FILE, ModelSpec, load_model, save_model

SPEC = ModelSpec(class_names=("b", "küche 客厅", "a"), image_size_px=32, shorter_side_px=64, backbone="tiny")
PIXELS = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)


@pytest.fixture
def model():
    image = keras.Input((32, 32, 3), dtype="uint8")
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.Rescaling(1 / 255)(image))
    return keras.Model(image, keras.layers.Dense(3)(keras.layers.Dropout(0.9)(x)))


@pytest.fixture
def folder(model, tmp_path):
    save_model(tmp_path, model, SPEC)
    return tmp_path


def test_a_model_comes_back_as_it_was(model, folder):
    loaded, spec = load_model(folder)
    assert spec == SPEC
    np.testing.assert_array_equal(loaded(PIXELS, training=False), model(PIXELS, training=False))
    assert sorted(file.name for file in folder.iterdir()) == [SPEC_FILE, KERAS_FILE]


def test_a_folder_without_specification_is_refused(folder):
    (folder / SPEC_FILE).unlink()
    with pytest.raises(
        InputError, match=r"expected a trained model with a model\.json .* Give the folder that the train"
    ):
        load_model(folder)


@pytest.mark.parametrize(
    "change",
    [{"format_version": 2}, {"class_names": ["one"]}, {"image_size_px": 0}, {"backbone": None}, {"unheard_of": 1}],
)
def test_a_specification_of_another_format_is_refused(folder, change):
    spec = json.loads((folder / SPEC_FILE).read_text(encoding="utf-8"))
    (folder / SPEC_FILE).write_text(json.dumps(spec | change))
    with pytest.raises(InputError, match=rf"(?s)format version 1\. Received: .*{next(iter(change))}"):
        load_model(folder)


@pytest.mark.parametrize("kept", [0, 100, 0.5, 0.99])
def test_a_damaged_keras_file_is_refused(folder, kept):
    whole = (folder / KERAS_FILE).read_bytes()
    (folder / KERAS_FILE).write_bytes(whole[: kept if isinstance(kept, int) else int(kept * len(whole))])
    with pytest.raises(InputError, match=r"model\.keras: expected a whole Keras file"):
        load_model(folder)


def test_a_missing_keras_file_is_refused(folder):
    (folder / KERAS_FILE).unlink()
    with pytest.raises(InputError, match=r"model\.keras: expected a whole Keras file"):
        load_model(folder)


def test_a_keras_hub_model_without_keras_hub_is_refused(model, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "keras_hub", None)  # as if it were not installed
    save_model(tmp_path, model, SPEC.model_copy(update={"backbone": "keras_hub:vit"}))
    with pytest.raises(InputError, match="keras_hub:vit, consists of KerasHub's layers, and the package keras-hub is"):
        load_model(tmp_path)
