"""What happens at the end of each epoch: a line for people, a row for the history, the best weights kept."""

import math
import time
from collections.abc import Mapping

import keras
import numpy as np
from numpy.typing import NDArray

from components._progress import say
from components.train.history import EpochRow, merit
from components.train.parameters import Monitor


class EpochRecorder(keras.callbacks.Callback):
    """Appends a row to the history for each epoch, and prints it.

    Args:
        history: Rows are appended here.
        phase: Name of the phase, for the rows and lines.
        images_per_step: Over all workers.
        optimizer: Whose learning rate is recorded.
        verbose: Whether to print.
    """

    def __init__(
        self,
        history: list[EpochRow],
        phase: str,
        images_per_step: int,
        optimizer: keras.optimizers.Optimizer,
        *,
        verbose: bool,
    ) -> None:
        super().__init__()
        self._history, self._phase, self._verbose = history, phase, verbose
        self._images_per_step, self._optimizer = images_per_step, optimizer
        self._began_s = self._reported_s = 0.0
        self._steps = self._first_of_call = 0

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:  # noqa: ARG002
        """Starts the clock."""
        self._began_s = self._reported_s = time.monotonic()
        self._steps = 0  # less than the epoch's in the end, if it was interrupted: another process ran the others

    def on_train_batch_begin(self, batch: int, logs: Mapping[str, float] | None = None) -> None:  # noqa: ARG002
        """Remembers the first of the steps that follow."""
        self._first_of_call = batch

    def on_train_batch_end(self, batch: int, logs: Mapping[str, float] | None = None) -> None:
        """Prints where a long epoch stands, every two seconds."""
        self._steps += batch + 1 - self._first_of_call
        now_s = time.monotonic()
        if self._verbose and now_s - self._reported_s > 2 and logs:
            self._reported_s = now_s
            rate = self._steps * self._images_per_step / (now_s - self._began_s)
            steps = self.params["steps"]
            self._say(f"step {batch + 1}/{steps}: loss {logs['loss']:.3f}, {rate:.0f} images/s")

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        """Records and prints the epoch."""
        seconds = time.monotonic() - self._began_s
        measured = {name: round(value, 5) for name, value in (logs or {}).items()}
        images_per_s = self._steps * self._images_per_step / seconds
        row = EpochRow(
            phase=self._phase,
            epoch=epoch + 1,
            loss=measured["loss"],
            accuracy=measured["accuracy"],
            val_loss=measured["val_loss"],
            val_accuracy=measured["val_accuracy"],
            val_macro_f1=measured["val_macro_f1"],
            learning_rate=float(keras.ops.convert_to_numpy(self._optimizer.learning_rate)),
            seconds=round(seconds, 2),
            images_per_s=round(images_per_s, 1),
        )
        self._history.append(row)
        if self._verbose:
            self._say(
                f"epoch {row['epoch']}/{self.params['epochs']}: loss {row['loss']:.3f}, "
                f"val_loss {row['val_loss']:.3f}, val_accuracy {row['val_accuracy']:.3f}, "
                f"val_macro_f1 {row['val_macro_f1']:.3f}, {seconds:.1f} s, {images_per_s:.0f} images/s"
            )

    def _say(self, text: str) -> None:
        say("train", f"{self._phase}: {text}")


class BestWeights:
    """Remembers a model's weights after the best epoch, over several phases; see `merit`.

    Args:
        model: Whose weights to remember.
        monitor: Score on the validation images by which an epoch is better than another.

    Attributes:
        weights: Those of the best epoch; none before the first.
        merit: That epoch's.
    """

    def __init__(self, model: keras.Model, monitor: Monitor) -> None:
        self._model, self._monitor = model, monitor
        self.weights: list[NDArray[np.float32]] = []
        self.merit: tuple[float, float] = (-math.inf, -math.inf)

    def callback(self) -> keras.callbacks.Callback:
        """Returns a callback that looks at each epoch."""
        return keras.callbacks.LambdaCallback(on_epoch_end=lambda _, logs: self._look(logs))

    def _look(self, logs: Mapping[str, float]) -> None:
        if (found := merit(logs, self._monitor)) > self.merit:
            self.merit, self.weights = found, self._model.get_weights()

    def restore(self) -> None:
        """Puts the best weights back; does nothing before the first epoch."""
        if self.weights:
            self._model.set_weights(self.weights)
