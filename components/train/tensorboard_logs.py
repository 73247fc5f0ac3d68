"""A training as TensorBoard shows it: scalars by epoch, the augmented images, the parameters."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from components.train.history import EpochRow

EVENTS = "train/events.out.tfevents.*"
_SCALARS = {
    "train": {
        "epoch_loss": "loss",
        "epoch_accuracy": "accuracy",
        "epoch_learning_rate": "learning_rate",
        "epoch_images_per_s": "images_per_s",
    },
    "validation": {"epoch_loss": "val_loss", "epoch_accuracy": "val_accuracy", "epoch_macro_f1": "val_macro_f1"},
}


class TensorBoardLogs:
    """Event files of two runs, `train` and `validation`, under the names that Keras' own callback gives.

    Steps are epochs, counted from 1 over all phases. Every epoch is on disk when it has ended.

    Args:
        folder: An empty folder.
        parameters: Of the training, by name.
    """

    def __init__(self, folder: Path, parameters: Mapping[str, Any]) -> None:
        with tf.device("CPU"):
            self._writers = {run: tf.summary.create_file_writer(str(folder / run)) for run in _SCALARS}
            with self._writers["train"].as_default():
                tf.summary.text("parameters", _table(parameters), step=0)
        self._written = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for writer in self._writers.values():
            writer.close()

    def follow(self, history: Sequence[EpochRow]) -> None:
        """Writes the epochs that have come since the last call."""
        with tf.device("CPU"):
            for step, row in enumerate(history[self._written :], self._written + 1):
                for run, columns in _SCALARS.items():
                    with self._writers[run].as_default():
                        for name, column in columns.items():
                            tf.summary.scalar(name, row[column], step=step)  # type: ignore[literal-required]
            for writer in self._writers.values():
                writer.flush()
        self._written = len(history)

    def show(self, samples: NDArray[np.uint8]) -> None:
        """Writes the picture of augmented images.

        Args:
            samples: Uint8 [height, width, 3].
        """
        with tf.device("CPU"), self._writers["train"].as_default():
            tf.summary.image("augmentation", samples[None], step=0)


def _table(parameters: Mapping[str, Any]) -> str:
    """Returns a table in Markdown, which TensorBoard shows as one."""
    rows = [f"| {name} | `{str(value).replace('|', chr(92) + '|')}` |" for name, value in parameters.items()]
    return "\n".join(["| parameter | value |", "| --- | --- |", *rows])
