"""What train writes about a training, made up: for tests of what is told of it."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from components.train.history import SAMPLES_FILE, ClassExposure, DataSummary, EpochRow, History, write_history
from components.train.parameters import TrainParameters

PLAIN = {"precision": "float32", "xla": False, "ms_per_step": 8.5, "compile_s": 1.2, "note": ""}
SMALL = {"precision": "mixed_bfloat16", "xla": False, "ms_per_step": 12.5, "compile_s": 1.5, "note": "ended early"}
SPEED = {"precision": "float32", "xla": False, "reason": "the others are slower", "measured": [PLAIN, SMALL]}
BATCH_SIZE = {
    "batch_size": 64,
    "reason": "128 images don't fit into memory",
    "attempts": [{"batch_size": 32, "images_per_s": 90.0}, {"batch_size": 64, "images_per_s": 110.0}],
    "learning_rate_factor": 1.41,
}
COUNTS = {"coast": 90, "forest": 30, "street": 12}


def epoch_rows(**f1_of_phase: Sequence[float]) -> list[EpochRow]:
    """Returns an epoch for each macro-F1 on the validation images, by phase."""
    return [
        EpochRow(
            phase=phase,
            epoch=epoch,
            loss=2 / epoch,
            accuracy=0.5,
            val_loss=3 / epoch,
            val_accuracy=0.75,
            val_macro_f1=f1,
            learning_rate=0.001 * 0.1 ** (epoch - 1),
            seconds=1.5,
            images_per_s=1234.5,
        )
        for phase, f1_of_epoch in f1_of_phase.items()
        for epoch, f1 in enumerate(f1_of_epoch, 1)
    ]


def exposure_of(counts: Mapping[str, int], **changed: float) -> dict[str, ClassExposure]:
    """Returns what is learned where nothing is done about counts, apart from what is changed for all classes."""
    images = sum(counts.values())
    plain = {"sampling": 1.0, "weight": 1.0, "logit_shift": 0.0}
    return {
        name: ClassExposure(
            **{"images": n, "share_of_images": n / images, "exposure": n / images} | plain | changed  # type: ignore[typeddict-item]
        )
        for name, n in counts.items()
    }


def history(counts: Mapping[str, int] = COUNTS, **facts: Any) -> History:
    """Returns a history of three epochs of a head and two of fine-tuning, apart from the facts given."""
    shares = exposure_of(counts)
    told = {
        "epochs": epoch_rows(head=[0.5, 0.6, 0.7], finetune=[0.8, 0.75]),
        "exposure": {
            phase: {
                name: row | {"logit_shift": round(math.log(row["share_of_images"]), 4)} for name, row in shares.items()
            }
            for phase in ("head", "finetune")
        },
        "parameters": TrainParameters.model_validate({"batch_size": 64}).model_dump(),
        "weights": "imagenet",
        "train": DataSummary(digest="a" * 64, counts=dict(counts)),
        "validation": DataSummary(digest="b" * 64, counts={name: n // 4 for name, n in counts.items()}),
        "setup_seconds": {"head": 12.5, "finetune": 0.01},
        "speed": {"head": SPEED, "finetune": SPEED, "batch_size": BATCH_SIZE},
    }
    return History(**told | facts)


def write_training_artifact(folder: Path, of: History | None = None) -> Path:
    """Writes a history folder with a picture of noise; returns it."""
    folder.mkdir(parents=True)
    write_history(folder, of or history())
    noise = np.random.default_rng(0).integers(0, 256, (300, 400, 3), np.uint8)
    Image.fromarray(noise).save(folder / SAMPLES_FILE)
    return folder
