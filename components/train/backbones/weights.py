"""Weights for a backbone: from a file, a URL, or the download that Keras makes."""

import fcntl
import os
import socket
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

import h5py
import keras

from components._errors import InputError
from components._objects import download_object, is_remote
from components._progress import say

STALLED_S = 30.0  # a server that sends nothing for so long has failed


def load_weights(model: keras.Model, source: str) -> None:
    """Loads weights that were saved from the same backbone.

    Args:
        model: To load them into.
        source: Path, or gs, s3, https or http URI, of Keras weights (`.weights.h5`, or `.h5` as keras.applications
            publishes them) or of a whole model (`.keras`): this backbone, or a classifier that holds it, as in
            a model that the train step wrote.

    Raises:
        InputError: If there is no such file, or its weights are of another model; UnreachableError if its
            server can't be reached now.
    """
    with _local(source) as file, warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)  # Keras warns of layers that it found no weights for
        try:
            if file.suffix == ".keras":
                copy_weights(_part(keras.models.load_model(file, compile=False), model.name), model)
            else:
                model.load_weights(file)
        except (ValueError, OSError, LookupError, TypeError, UserWarning) as error:
            raise InputError(
                f"weights: expected in {source} the weights of {model.name}. Received: {error} "
                "Give a file that was saved from this backbone, or `none` to begin with random weights."
            ) from error


def copy_weights(source: keras.Model, target: keras.Model) -> None:
    """Copies all weights between two models of the same layers.

    Raises:
        ValueError: If their weights differ in number or shape.
    """
    target.set_weights(source.get_weights())
    for layer in target.layers:
        if isinstance(layer, keras.layers.Normalization):
            layer.finalize_state()  # it computes with copies of its weights, which it would not renew


@contextmanager
def keras_download(name: str) -> Iterator[None]:
    """Lets Keras fetch ImageNet weights in the block; one process of a machine at a time.

    Keras waits for ever for a server that has fallen silent, and takes a file that another process is still
    writing, or was killed while writing, for a whole one where it knows no hash of it (MobileNet, MobileNetV2).

    Args:
        name: Of the backbone, for messages.

    Raises:
        InputError: If the block fails.
    """
    say("train", f"ImageNet weights of {name}: from Keras' cache, or its download")
    timeout_s = socket.getdefaulttimeout()
    try:
        with _cache_locked():
            socket.setdefaulttimeout(STALLED_S)
            yield
    except Exception as error:  # Keras raises a bare Exception
        raise InputError(
            f"weights: expected to fetch the ImageNet weights that Keras publishes for {name}. Received: {error}. "
            "Let this machine reach that address; or give the file's own path or URI as weights; or set "
            "weights=none, random ones; or choose a backbone that needs no download, such as efficientnet_lite0."
        ) from error
    finally:
        socket.setdefaulttimeout(timeout_s)


@contextmanager
def _cache_locked() -> Iterator[None]:
    folder = _cache_folder()
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".scenery.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for file in folder.glob("*.h5"):
            if not _is_whole(file):
                file.unlink()
        yield


def _cache_folder() -> Path:
    """Returns where `keras.utils.get_file` puts the weights of keras.applications."""
    home = Path(os.environ.get("KERAS_HOME", "~/.keras")).expanduser()
    return (home if os.access(home, os.W_OK) else Path("/tmp/.keras")) / "models"  # noqa: S108 - Keras' own choice


def _is_whole(file: Path) -> bool:
    """HDF5 files say how long they are, and h5py refuses one that is not."""
    try:
        h5py.File(file).close()
    except OSError:
        return False
    return True


def _part(model: keras.Model, name: str) -> keras.Model:
    """Returns the model of that name inside another, or the other itself."""
    return next((layer for layer in model.layers if layer.name == name and isinstance(layer, keras.Model)), model)


@contextmanager
def _local(source: str) -> Iterator[Path]:
    """Yields the file, downloaded first if it is a URL, and then removed again."""
    if not is_remote(source):
        yield Path(source)
        return
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, PurePosixPath(urlsplit(source).path).name)
        say("train", f"weights: downloading {source}")
        download_object(source, file, lambda _done, _size: None)
        yield file
