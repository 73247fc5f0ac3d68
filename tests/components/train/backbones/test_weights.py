"""Weights from real files and real servers, good and bad."""

import http.server
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest

from components._errors import InputError
from components.formats.model import KERAS_FILE, ModelSpec, save_model
from components.train.backbones.baseline_cnn import baseline_cnn
from components.train.backbones.build import build_backbone
from components.train.backbones.weights import _cache_locked, load_weights
from components.train.classifier import Classifier
from components.train.parameters import TrainParameters

NAME, SIZE_PX = "baseline_cnn", 32


@pytest.fixture(scope="module")
def trained():
    keras.utils.set_random_seed(1)
    return baseline_cnn(SIZE_PX)


@pytest.fixture(scope="module")
def files(trained, tmp_path_factory):
    """The same weights in every format, and a classifier that holds others."""
    folder = tmp_path_factory.mktemp("weights")
    trained.save_weights(folder / "a.weights.h5")
    trained.save(folder / "legacy.h5")
    trained.save(folder / "backbone.keras")
    classifier = Classifier(TrainParameters(backbone=NAME, weights=str(folder / "a.weights.h5"), image_size_px=32), 2)
    spec = ModelSpec(class_names=("a", "b"), image_size_px=32, shorter_side_px=32, backbone=NAME)
    save_model(folder, classifier.model, spec)
    return folder


@pytest.fixture(scope="module")
def server(files):
    """Serves the files; /cut.weights.h5 breaks off half-way, each time."""
    whole = (files / "a.weights.h5").read_bytes()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def do_GET(self):
            if not self.path.startswith("/cut"):
                return super().do_GET()
            self.send_response(200)
            self.send_header("Content-Length", str(len(whole)))
            self.end_headers()
            self.wfile.write(whole[: len(whole) // 2])
            return None

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), lambda *a: Handler(*a, directory=str(files))) as one:
        threading.Thread(target=one.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{one.server_port}"
        one.shutdown()


def assert_same(backbone: keras.Model, trained: keras.Model) -> None:
    for weights, expected in zip(backbone.get_weights(), trained.get_weights(), strict=True):
        np.testing.assert_array_equal(weights, expected)


@pytest.mark.parametrize("file", ["a.weights.h5", "legacy.h5", "backbone.keras", KERAS_FILE])
def test_every_format_of_file(trained, files, file):
    assert_same(build_backbone(NAME, str(files / file), SIZE_PX), trained)


@pytest.mark.parametrize("file", ["a.weights.h5", "backbone.keras"])
def test_a_url(trained, server, file):
    assert_same(build_backbone(NAME, f"{server}/{file}?signature=1", SIZE_PX), trained)


def test_an_object_in_a_bucket(trained, files, gs):
    gs.put("a/b.weights.h5", (files / "a.weights.h5").read_bytes())
    assert_same(build_backbone(NAME, f"{gs.uri}/a/b.weights.h5", SIZE_PX), trained)


@pytest.mark.parametrize("file", ["nowhere.weights.h5", "nowhere.keras", "noise.h5", "noise.keras", "other.weights.h5"])
def test_a_file_that_is_not_of_this_backbone_is_refused(tmp_path, file):
    for noise in ("noise.h5", "noise.keras"):
        (tmp_path / noise).write_bytes(b"noise" * 100)
    keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)]).save_weights(tmp_path / "other.weights.h5")
    with pytest.raises(InputError, match=rf"weights: expected in .*{file} the weights of baseline_cnn\. Received: "):
        load_weights(baseline_cnn(SIZE_PX), str(tmp_path / file))


@pytest.mark.parametrize("file", ["nowhere.weights.h5", "cut.weights.h5"])
def test_a_url_without_a_whole_file_is_refused(server, file, monkeypatch):
    monkeypatch.setenv("SCENERY_STORAGE_PATIENCE_S", "1")
    with pytest.raises(InputError, match=f"{server}/{file}"):
        load_weights(baseline_cnn(SIZE_PX), f"{server}/{file}")


def test_layers_that_compute_with_copies_of_their_weights_renew_them(tmp_path):
    """EfficientNet's normalization is part of its weights."""
    trained = build_backbone("efficientnet_b0", "none", 32)
    [normalization] = [layer for layer in trained.layers if isinstance(layer, keras.layers.Normalization)]
    normalization.set_weights([np.full(3, 0.5), np.full(3, 0.25), np.array(1)])
    normalization.finalize_state()
    trained.save(tmp_path / "a.keras")
    images = np.random.default_rng(0).integers(0, 256, (1, 32, 32, 3)).astype(np.float32)
    loaded = build_backbone("efficientnet_b0", str(tmp_path / "a.keras"), 32)
    np.testing.assert_allclose(loaded(images), trained(images), atol=1e-5)


BUILD = """
import sys
from components._errors import InputError
from components.train.backbones import weights
from components.train.backbones.build import build_backbone
weights.STALLED_S = 1.0
try:
    build_backbone("mobilenet_v2", "imagenet", 96)
except InputError as error:
    sys.exit(str(error))
"""


@pytest.mark.slow
@pytest.mark.parametrize("proxy", ["closed", "silent"])
def test_a_download_that_cannot_be_had_ends_soon_and_says_what_else_to_do(tmp_path, proxy):
    """Keras' address is asked for through a proxy of ours, that is not there or never answers."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        if proxy == "silent":
            listener.listen()
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        environment = os.environ | {"KERAS_HOME": str(tmp_path), "https_proxy": address, "no_proxy": ""}
        began_s = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-c", BUILD], capture_output=True, text=True, check=False, env=environment, timeout=120
        )
    assert time.monotonic() - began_s < 60
    message = done.stderr.splitlines()[-1]
    assert message.startswith("weights: expected to fetch the ImageNet weights that Keras publishes for mobilenet_v2.")
    assert "give the file's own path or URI as weights; or set weights=none" in message
    assert [file.name for file in (tmp_path / "models").iterdir()] == [".scenery.lock"]


FROM_CACHE = """
import sys
from components.train.backbones.build import build_backbone
build_backbone("mobilenet", "imagenet", 75).save_weights(sys.argv[1])
"""


@pytest.mark.slow
def test_weights_in_keras_cache_are_taken_without_a_network(tmp_path):
    """Keras knows no hash of MobileNet's, so that a file of ours can stand in for the published one."""
    rng = np.random.default_rng(0)
    published = keras.applications.MobileNet(weights=None, include_top=False, input_shape=(224, 224, 3))
    published.set_weights([rng.random(weights.shape) for weights in published.get_weights()])
    save_as_keras_publishes(published, tmp_path / "models" / "mobilenet_1_0_224_tf_no_top.h5")
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        proxy = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        environment = os.environ | {"KERAS_HOME": str(tmp_path), "https_proxy": proxy, "no_proxy": ""}
        command = [sys.executable, "-c", FROM_CACHE, tmp_path / "a.weights.h5"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr
    assert_same(build_backbone("mobilenet", str(tmp_path / "a.weights.h5"), 75), published)


def save_as_keras_publishes(model: keras.Model, file: Path) -> None:
    """Saves the weights of each layer under its name, and not as Keras saves them today."""
    file.parent.mkdir()
    model.save(whole := file.with_suffix(".whole.h5"))
    with h5py.File(whole) as saved, h5py.File(file, "w") as published:
        weights = saved["model_weights"]
        published.attrs.update(weights.attrs)
        for layer in weights.values():
            weights.copy(layer, published)
    whole.unlink()


@pytest.mark.parametrize("share", [0, 0.1, 0.5, 0.999])
def test_a_half_downloaded_file_in_keras_cache_is_not_taken_for_whole(files, tmp_path, monkeypatch, share):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    models = tmp_path / "models"
    models.mkdir()
    whole = (files / "a.weights.h5").read_bytes()
    (models / "whole.h5").write_bytes(whole)
    (models / "half.h5").write_bytes(whole[: int(share * len(whole))])
    with _cache_locked():
        assert sorted(Path(file).name for file in models.glob("*.h5")) == ["whole.h5"]
