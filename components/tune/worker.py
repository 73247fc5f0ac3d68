"""One worker's part in a study: trials, one after the other, until the study has all it is to have."""

import gc
import math
import time
from contextlib import suppress

import keras
import numpy as np
import optuna
import tensorflow as tf
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import FrozenTrial, TrialState

from components._progress import say
from components.train.cluster import join_cluster
from components.train.input_pipeline import Images
from components.train.preemption import Preemption
from components.train.training import Trainer
from components.tune.frozen_features import FrozenFeatures
from components.tune.pruning import Pruning, pruner
from components.tune.request import Request
from components.tune.sampler import TrialSeededSampler
from components.tune.search_space import suggest
from components.tune.study import (
    REASON,
    await_one_to_begin,
    begin_again,
    completed,
    counted,
    finished,
    is_surplus,
    reason,
)

_REASON_LENGTH = 300


class SurplusTrialError(Exception):
    """Several workers began the study's last trial at the same moment."""


class Worker:
    """Tries combinations.

    Args:
        request: What to do.
        number: Of this worker among those that share the study.
        preemption: Says whether this process has been told to end.
    """

    def __init__(self, request: Request, number: int, preemption: Preemption) -> None:
        self._parameters, self._preemption = request.parameters, preemption
        self._space = self._parameters.space()
        train, validation = request.datasets()
        self._train = Images(request.train, train, self._parameters.of_trial({}).image_size_px)
        self._validation = Images(request.validation, validation, self._train.image_size_px)
        self._features = request.work / f"features-{number}"
        tf.get_logger().setLevel("ERROR")  # that each trial traces its functions anew is no news
        self._cluster = join_cluster({})  # on its own, with the GPUs that it is given
        self._current: int | None = None  # the trial under way
        self._study = request.open_study()
        self._study.sampler = TrialSeededSampler(self._parameters.seed)
        self._study.pruner = pruner(self._parameters.pruner, self._parameters.of_trial({}))

    def run(self) -> None:
        """Begins trials until the study has its number, or time is up."""
        minutes = self._parameters.timeout_minutes
        deadline_s = time.monotonic() + minutes * 60 if minutes else math.inf
        while await_one_to_begin(self._study, self._parameters.trials, deadline_s):
            self._current = None
            try:
                with self._preemption.postponing():
                    self._study.optimize(self._try, n_trials=1, catch=(Exception,), callbacks=[self._tell])
            except (ValueError, UpdateFinishedTrialError):
                if self._current is None or not self._was_taken_over(self._current):
                    raise
            self._preemption.end_if_requested()

    def _try(self, trial: optuna.Trial) -> float:
        """Trains once.

        Returns:
            The macro-F1 of the best epoch, in [0, 1].
        """
        self._current = trial.number
        if is_surplus(self._study, trial, self._parameters.trials):
            raise SurplusTrialError
        try:
            return self._score(trial)
        except optuna.TrialPruned:
            raise
        except Exception as error:
            with suppress(UpdateFinishedTrialError):
                trial.set_user_attr(REASON, _reason(error))
            raise
        except SystemExit:  # told to end
            begin_again(self._study, trial)
            self._study.tell(trial, state=TrialState.FAIL)
            raise

    def _was_taken_over(self, number: int) -> bool:
        """Returns whether others took the trial for lost: a machine that was suspended goes on in the middle."""
        if self._study.get_trials(deepcopy=False)[number].state == TrialState.RUNNING:
            return False
        seconds = self._parameters.lost_after_s
        say("tune", f"trial {number}: begun again elsewhere: there was no sign of life from here for {seconds} s")
        return True

    def _score(self, trial: optuna.Trial) -> float:
        keras.utils.clear_session(free_memory=True)
        parameters = self._parameters.of_trial(suggest(self._space, trial))
        images, validation = (
            Images(each.folder, each.dataset, parameters.image_size_px) for each in (self._train, self._validation)
        )
        digests = [images.dataset.digest, validation.dataset.digest]
        features = FrozenFeatures(self._cluster, self._features, parameters, digests, self._preemption)
        watching = Pruning(trial, parameters.monitor, lambda line: say("tune", f"trial {trial.number}: {line}"))
        result = Trainer(parameters, images, validation, self._cluster, features, callbacks=[watching]).train()
        best = result.best
        trial.set_user_attr("best_epoch", dict(best))
        return best["val_macro_f1"]

    def _tell(self, study: optuna.Study, trial: FrozenTrial) -> None:
        """Says how a trial ended, which is the best so far, and how long the others will take."""
        self._current = None
        gc.collect()
        trials = counted(study)
        if trial.number not in {other.number for other in trials}:
            return
        done = finished(trials)
        outcome = f"macro-F1 {trial.value:.3f}" if trial.state == TrialState.COMPLETE else reason(trial)
        best = completed(trials)
        so_far = f"best {best[0].value:.3f} (trial {best[0].number})" if best else "none complete so far"
        seconds = [other.duration.total_seconds() for other in done if other.duration]
        left_s = float(np.mean(seconds)) * max(0, self._parameters.trials - len(done)) / self._parameters.workers
        left = f", about {_duration(left_s)} left" if left_s else ""
        say("tune", f"{len(done)}/{self._parameters.trials}: trial {trial.number}: {outcome}; {so_far}{left}")


def _reason(error: Exception) -> str:
    text = " ".join(str(error).split())[:_REASON_LENGTH]
    if isinstance(error, (MemoryError, tf.errors.ResourceExhaustedError)):
        return f"out of memory; lower batch_size or image_size_px. {text}"
    return text if isinstance(error, ValueError) else f"{type(error).__name__}: {text}"


def _duration(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds >= 90 else f"{seconds:.0f} s"
