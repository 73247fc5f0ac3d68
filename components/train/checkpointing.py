"""When a training's state is kept, and how it is taken and put back."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NoReturn

import keras

from components.train.callbacks import BestWeights
from components.train.checkpoint import Checkpoint
from components.train.history import ClassExposure, EpochRow
from components.train.loop import Progress

# After short epochs of large models, so much more time is to pass between two checkpoints than one takes.
_TIMES_ITS_COST = 20

_KEPT = "A checkpoint of the last step has been kept"


@dataclass(frozen=True)
class PhaseState:
    """Everything that changes while a phase runs.

    Attributes:
        phase: Its name.
        classifier: The whole model.
        learner: What of it learns; a callback ends the phase by its `stop_training`.
        optimizer: Of the phase.
        callbacks: Those that decide something.
        best: The best weights so far.
        history: Rows of the epochs so far.
        exposure: Of the phases so far.
        setup_seconds: Of the phases so far, how long it took to get them ready.
        progress: Kept by the loop.
        speed: What was measured so far to compute steps fast.
    """

    phase: str
    classifier: keras.Model
    learner: keras.Model
    optimizer: keras.optimizers.Optimizer
    callbacks: Sequence[keras.callbacks.Callback]
    best: BestWeights
    history: list[EpochRow]
    exposure: dict[str, dict[str, ClassExposure]]
    setup_seconds: dict[str, float]
    progress: Progress
    speed: dict[str, Any] = field(default_factory=dict)

    def take(self) -> Checkpoint:
        """Returns a copy of the state."""
        return Checkpoint(
            phase=self.phase,
            progress=replace(self.progress, ending=False),
            stopped=self.learner.stop_training,
            history=list(self.history),
            exposure=dict(self.exposure),
            setup_seconds=dict(self.setup_seconds),
            callbacks=[_numbers(callback) for callback in self.callbacks],
            best_merit=self.best.merit,
            model=_values(self.classifier.variables),
            optimizer=_values(self.optimizer.variables),
            best=self.best.weights,
            speed=dict(self.speed),
        )

    def put_back(self, checkpoint: Checkpoint) -> None:
        """Makes all but the progress, which the loop begins with, what it was; to be called once training begins."""
        assign(self.classifier.variables, checkpoint.model)
        assign(self.optimizer.variables, checkpoint.optimizer)
        for callback, numbers in zip(self.callbacks, checkpoint.callbacks, strict=True):
            vars(callback).update(numbers)
        self.learner.stop_training = checkpoint.stopped


class Checkpointing(keras.callbacks.Callback):
    """Writes checkpoints after every epoch, every few minutes, and when the process is told to end.

    Must come last among the callbacks, so that it sees what the others have decided.

    Args:
        state: What to write.
        resumed: What to begin with, if the phase has begun before.
        write: Keeps a checkpoint; None for workers other than the chief.
        every_s: Seconds between two checkpoints in an epoch.
        told_to_end: Returns whether a worker has been; all call it together.
        end: Ends the process, given what has been kept.
    """

    def __init__(
        self,
        state: PhaseState,
        resumed: Checkpoint | None,
        write: Callable[[Checkpoint], None] | None,
        *,
        every_s: float,
        told_to_end: Callable[[], bool],
        end: Callable[[str], NoReturn],
    ) -> None:
        super().__init__()
        self._state, self._resumed, self._write = state, resumed, write
        self._every_s, self._told_to_end, self._end_process = every_s, told_to_end, end
        self._written_s, self._cost_s = time.monotonic(), 0.0

    def on_train_begin(self, logs: Mapping[str, float] | None = None) -> None:  # noqa: ARG002
        """Goes back to where the phase stood; Keras' callbacks have forgotten by now whatever they knew."""
        if self._resumed:
            self._state.put_back(self._resumed)

    def on_train_batch_end(self, batch: int, logs: Mapping[str, float] | None = None) -> None:  # noqa: ARG002
        """Keeps the state if it is time to, and ends if told to."""
        if self._state.progress.ending:
            self._end()
        if time.monotonic() - self._written_s > self._every_s:
            self._keep()

    def on_test_batch_end(self, batch: int, logs: Mapping[str, float] | None = None) -> None:  # noqa: ARG002
        """Ends if told to: validation begins anew afterwards."""
        if self._state.progress.ending:
            self._end()

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:  # noqa: ARG002
        """Keeps the state, unless that would take more than a twentieth of the time."""
        if time.monotonic() - self._written_s > _TIMES_ITS_COST * self._cost_s:
            self._keep()

    def on_train_end(self, logs: Mapping[str, float] | None = None) -> None:  # noqa: ARG002
        """Ends if told to since the last step: the next phase would ask too late for this one to be kept whole."""
        if self._told_to_end():
            self._end()

    def _keep(self) -> None:
        began_s = time.monotonic()
        if self._write:
            self._write(self._state.take())
        self._written_s = time.monotonic()
        self._cost_s = self._written_s - began_s

    def _end(self) -> None:
        self._keep()
        self._end_process(_KEPT)


def _values(variables: Sequence[keras.Variable]) -> list[Any]:
    return [keras.ops.convert_to_numpy(variable) for variable in variables]


def assign(variables: Sequence[keras.Variable], values: Sequence[Any]) -> None:
    """Sets variables, in order; a checkpoint's key sees to it that they are the same."""
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def _numbers(callback: keras.callbacks.Callback) -> dict[str, Any]:
    """Returns what one of Keras' callbacks remembers: its public attributes that are plain numbers, or nothing yet."""
    return {
        name: value
        for name, value in vars(callback).items()
        if not name.startswith("_") and isinstance(value, (int, float, type(None)))
    }
