"""The training history as a picture, for whoever has no page at hand."""

from collections.abc import Sequence

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from components.train.history import EpochRow

mpl.use("agg")


def curves(history: Sequence[EpochRow]) -> Figure:
    """Draws loss and accuracy by epoch, all phases in a row.

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


def _lines(axes: Axes, history: Sequence[EpochRow], columns: dict[str, str]) -> None:
    epochs = range(1, len(history) + 1)
    for column, label in columns.items():
        axes.plot(epochs, [row[column] for row in history], label=label, marker=".")  # type: ignore[literal-required]
    for number in epochs:
        if number > 1 and history[number - 1]["phase"] != history[number - 2]["phase"]:
            axes.axvline(number - 0.5, color="grey", linestyle=":", label=f"{history[number - 1]['phase']} begins")
    axes.set_xlabel("epoch")
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
