"""Ending trials that fall behind, after any epoch."""

import math
import time
from collections.abc import Callable, Mapping

import keras
import optuna
from optuna.pruners import BasePruner, HyperbandPruner, MedianPruner, NopPruner

from components.train.history import merit
from components.train.parameters import Monitor, TrainParameters
from components.tune.parameters import Pruner
from components.tune.study import REASON, SCORE

_EVERY_S = 2.0


def pruner(name: Pruner, parameters: TrainParameters) -> BasePruner:
    """Returns what decides on ending a trial.

    Args:
        name: `median` ends what is worse than half of the trials before were at the same epoch; `hyperband`
            gives few trials many epochs and many trials few (Li et al. 2018, arXiv 1603.06560).
        parameters: Of a trial.
    """
    if name == "median":
        # Epochs count from 1; in those in which the learning rate still rises nothing is decided.
        return MedianPruner(n_startup_trials=5, n_warmup_steps=parameters.warmup_epochs + 1)
    if name == "hyperband":
        epochs = parameters.head_epochs + parameters.finetune_epochs
        return HyperbandPruner(min_resource=min(epochs, 1 + parameters.warmup_epochs), max_resource=epochs)
    return NopPruner()


class Pruning(keras.callbacks.Callback):
    """Reports the best epoch's macro-F1 to the study, after each epoch, and ends the trial if it falls behind.

    Epochs are numbered over all phases, as if none had ended early: so trials are compared at the same place.

    Args:
        trial: The trial.
        monitor: Score by which its training chooses the best epoch.
        said: Told of an epoch, every few seconds at most.
    """

    def __init__(self, trial: optuna.Trial, monitor: Monitor, said: Callable[[str], None]) -> None:
        super().__init__()
        self._trial, self._monitor, self._said = trial, monitor, said
        self._first_of_phase = self._first_of_next = 0
        self._merit, self._best = (-math.inf, -math.inf), 0.0
        self._said_s = -math.inf

    def on_train_begin(self, logs: Mapping[str, float] | None = None) -> None:  # noqa: ARG002
        """Goes on counting where the phase before would have ended."""
        self._first_of_phase = self._first_of_next
        self._first_of_next += self.params["epochs"]

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        """Reports the macro-F1 of the best epoch so far.

        Raises:
            optuna.TrialPruned: If the trial has fallen behind.
        """
        logs = logs or {}
        if (found := merit(logs, self._monitor)) > self._merit:
            self._merit, self._best = found, logs[SCORE]
        number = self._first_of_phase + epoch + 1
        self._trial.report(self._best, number)
        if time.monotonic() - self._said_s > _EVERY_S:
            self._said_s = time.monotonic()
            self._said(f"epoch {number}, macro-F1 {self._best:.3f} so far")
        if self._trial.should_prune():
            self._trial.set_user_attr(REASON, f"fell behind: macro-F1 {self._best:.3f} after epoch {number}")
            raise optuna.TrialPruned
