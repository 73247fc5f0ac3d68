"""A small sample and quick parameters, shared by the end-to-end tests."""

import subprocess
import sys
from pathlib import Path

import pytest

from components.ingest.image_dataset import write_image_dataset
from components.ingest.parameters import IngestParameters
from components.split.assignment import SPLITS
from components.split.parameters import SplitParameters
from components.split.split_datasets import write_split_datasets

# The least that trains: every step is real, but the model need not be good.
QUICK = {
    "image_size_px": 64,
    "head_views": 1,
    "head_epochs": 2,
    "finetune_epochs": 0,
    "min_macro_f1": 0,
    "min_recall": 0,
}


def scenery(*arguments: str | Path, cwd: Path, **settings: object) -> subprocess.CompletedProcess[str]:
    """Runs the command line to its end; `settings` win over QUICK."""
    command = [sys.executable, "-m", "pipelines.cli", *map(str, arguments)]
    if arguments[0] == "run":
        for name, value in (QUICK | settings).items():
            command += ["--set", f"{name}={value}"]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=400, check=False)


@pytest.fixture(scope="session")
def run_scenery():
    return scenery


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """About 60 drawn scenes in nine classes, flaws among them."""
    folder = tmp_path_factory.mktemp("data") / "listing photos"
    assert scenery("sample", folder, "--images", "60", cwd=folder.parent).returncode == 0
    return folder


@pytest.fixture(scope="session")
def datasets(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders `train`, `validation` and `test` of the sample, its images small."""
    folder = tmp_path_factory.mktemp("datasets")
    write_image_dataset(str(sample), folder / "images", IngestParameters(shorter_side_px=64))
    outputs = {split: folder / split for split in SPLITS}
    write_split_datasets(folder / "images", outputs, folder / "ledger", SplitParameters(), "2024-02-29")
    return folder
