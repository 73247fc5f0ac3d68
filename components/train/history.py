"""The training history as JSON and as a picture."""

import json
from collections.abc import Mapping
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from components.train.augmented_samples import as_picture
from components.train.callbacks import EpochRow
from components.train.exposure import ClassExposure

HISTORY_FILE = "history.json"

mpl.use("agg")

Exposure = Mapping[str, Mapping[str, ClassExposure]]


def write_history(
    folder: Path, history: list[EpochRow], exposure: Exposure | None = None, samples: NDArray[np.uint8] | None = None
) -> None:
    """Writes `history.json`, `curves.png` and `augmentation.png` into a folder; write it inside `whole_folder`.

    Args:
        folder: An empty folder.
        history: In the order of training.
        exposure: By phase and class, how much was learned from it.
        samples: Augmented images, uint8 [rows, columns, height, width, 3]; None writes no `augmentation.png`.
    """
    told = {"format_version": 1, "epochs": history} | ({"exposure": exposure} if exposure else {})
    (folder / HISTORY_FILE).write_text(json.dumps(told, indent=2) + "\n")
    curves(history).savefig(folder / "curves.png", dpi=120)
    if samples is not None:
        as_picture(samples).save(folder / "augmentation.png")


def curves(history: list[EpochRow]) -> Figure:
    """Draws loss and accuracy by epoch, both phases in a row.

    Args:
        history: In the order of training.

    Returns:
        A figure with two panels.
    """
    figure = Figure(figsize=(11, 4), layout="constrained")
    loss, score = figure.subplots(1, 2)
    _lines(loss, history, {"loss": "training (augmented)", "val_loss": "validation (classes count alike)"})
    loss.set_title("Cross-entropy (nats)")
    _lines(
        score,
        history,
        {"accuracy": "training (augmented)", "val_accuracy": "validation", "val_macro_f1": "validation macro-F1"},
    )
    score.set_title("Accuracy and macro-F1")
    return figure


def _lines(axes: Axes, history: list[EpochRow], columns: dict[str, str]) -> None:
    epochs = range(1, len(history) + 1)
    for column, label in columns.items():
        axes.plot(epochs, [row[column] for row in history], label=label, marker=".")  # type: ignore[literal-required]
    for number in epochs:
        if number > 1 and history[number - 1]["phase"] != history[number - 2]["phase"]:
            axes.axvline(number - 0.5, color="grey", linestyle=":", label=f"{history[number - 1]['phase']} begins")
    axes.set_xlabel("epoch")
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
