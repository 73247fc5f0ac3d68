"""Small datasets to tune on, and the step as a process."""

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import simplejpeg

from components.formats.dataset import ENCODED, ID, LABEL, TEXT, write_dataset
from components.split.tfrecord import example, record

COLOURS = {"coast": (60, 120, 200), "forest": (40, 120, 30), "küche 客厅": (200, 130, 70)}

# The least that trains.
BASE = {"image_size_px": 32, "batch_size": 8, "head_views": 1, "head_epochs": 2, "finetune_epochs": 0}

Tune = Callable[..., subprocess.CompletedProcess[str]]


def write_scenes(folder: Path, images: int, seed: int) -> None:
    """Writes examples, `images` a class: blotches around each class's colour."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True)
    rows = []
    for label, (name, colour) in enumerate(COLOURS.items()):
        for blotches in rng.normal(colour, 40, (images, 8, 8, 3)).clip(0, 255).astype(np.uint8):
            jpeg = simplejpeg.encode_jpeg(np.ascontiguousarray(blotches.repeat(8, 0).repeat(8, 1)), quality=95)
            digest = hashlib.sha256(jpeg).hexdigest()
            rows.append(record(example({ENCODED: jpeg, LABEL: label, TEXT: name.encode(), ID: digest.encode()})))
    (folder / "a.tfrecord").write_bytes(b"".join(rows))
    write_dataset(folder, "examples", dict.fromkeys(COLOURS, images), {"a.tfrecord": len(rows)}, shorter_side_px=64)


@pytest.fixture(scope="session")
def datasets(tmp_path_factory) -> Path:
    """Folders `train` and `validation`."""
    folder = tmp_path_factory.mktemp("datasets")
    write_scenes(folder / "train", 8, seed=0)
    write_scenes(folder / "validation", 4, seed=1)
    return folder


def command_of(datasets: Path, out: Path, flags: dict[str, object]) -> list[str]:
    """Returns the step's command line; outputs go into `out`."""
    command = [sys.executable, "-m", "components.tune", "--train", datasets / "train"]
    command += ["--validation", datasets / "validation", "--study", out / "study"]
    command += ["--best", out / "best", "--report", out / "report"]
    return [str(word) for word in [*command, *(word for flag in flags.items() for word in flag)]]


@pytest.fixture(scope="session")
def tune(datasets) -> Tune:
    """Runs the step to its end."""

    def run(out: Path, **flags: object) -> subprocess.CompletedProcess[str]:
        command = command_of(datasets, out, flags)
        environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"}
        return subprocess.run(command, capture_output=True, text=True, check=False, env=environment, timeout=500)

    return run
