"""Training in two phases: a head on frozen features (or everything from scratch), then the last layers with it."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from components._errors import InputError
from components._progress import say
from components.train.augmentation import augmenter
from components.train.augmented_samples import augmented_samples
from components.train.batch_size import BatchSize, sized
from components.train.batch_trials import fastest_batch
from components.train.callbacks import BestWeights, EpochRecorder
from components.train.checkpoint import Checkpoint
from components.train.checkpointing import PhaseState, assign
from components.train.classifier import Classifier
from components.train.cluster import Cluster
from components.train.continuation import Continuation
from components.train.deferred import where_fast
from components.train.exposure import exposure_lines, exposures
from components.train.history import ClassExposure, EpochRow, merit
from components.train.input_pipeline import Images
from components.train.loop import Data, Progress, fit
from components.train.losses import training_loss
from components.train.mixing import Mixing
from components.train.out_of_memory import answered, check_memory
from components.train.parameters import Monitor, SizedParameters, TrainParameters
from components.train.phase_steps import StepChooser
from components.train.phases import Phase, Phases
from components.train.schedules import learning_rate, schedule_callbacks
from components.train.speed import Speed


@dataclass(frozen=True)
class TrainingResult:
    """A trained model and how it came about.

    Attributes:
        model: From RGB uint8 [batch, size, size, 3] to logits, with the weights of the best epoch.
        history: One row per epoch of either phase.
        monitor: Score on the validation images that chose the best epoch.
        exposure: By phase and class, how much was learned from it.
        setup_seconds: By phase, how long it took to get ready: to compute features, above all.
        samples: Augmented images, uint8 [rows, columns, size, size, 3]; the first column is unchanged.
        speed: How steps and features were computed, and what was measured to choose that; as in `History`.
    """

    model: keras.Model
    history: list[EpochRow]
    monitor: Monitor
    exposure: dict[str, dict[str, ClassExposure]]
    setup_seconds: dict[str, float]
    samples: NDArray[np.uint8]
    speed: dict[str, Any]

    @property
    def best(self) -> EpochRow:
        """The epoch whose weights the model has."""
        return max(self.history, key=lambda row: merit(row, self.monitor))


class Trainer:
    """Trains a classifier; every worker of a cluster makes one with the same arguments.

    Args:
        parameters: What to do.
        images: To learn from.
        validation: To choose the best epoch by.
        cluster: This process's place among the workers.
        continuation: Where training goes on from, and what it keeps to go on from; by default, nothing.
        callbacks: Told of every phase's steps and epochs, beside the trainer's own.

    Raises:
        InputError: If the images don't suffice or the batch can't be divided among the replicas.
    """

    def __init__(
        self,
        parameters: TrainParameters,
        images: Images,
        validation: Images,
        cluster: Cluster,
        continuation: Continuation | None = None,
        *,
        callbacks: Sequence[keras.callbacks.Callback] = (),
    ) -> None:
        _check(parameters, images, validation, cluster.strategy.num_replicas_in_sync)
        self._images, self._validation, self._cluster = images, validation, cluster
        self._continuation, self._callbacks = continuation or Continuation(cluster), callbacks
        self._history: list[EpochRow] = []
        self._exposure: dict[str, dict[str, ClassExposure]] = {}
        self._setup_seconds: dict[str, float] = {}
        self._speed = self._continuation.last_speed()
        self._augmentation = augmenter(parameters.augmentation, parameters.augmentation_magnitude)
        self._augment = where_fast(self._augmentation, images.image_size_px, verbose=cluster.is_chief)
        keras.utils.set_random_seed(parameters.seed)
        with cluster.strategy.scope():
            self._classifier = Classifier(parameters, len(images.dataset.class_names))
        self._best = BestWeights(self._classifier.model, parameters.monitor)
        self._resumed = self._continuation.last_checkpoint()
        if self._resumed:
            self._take_over(self._resumed)
        self._parameters = self._sized(parameters)
        self._chooser = StepChooser(
            parameters, self._classifier, len(images.dataset.class_names), cluster, self._continuation.end_if_told
        )

    def train(self) -> TrainingResult:
        """Runs the phases, from the one on that was under way when training was interrupted.

        Returns:
            The model with the weights of the best epoch of either phase.
        """
        parameters, images, validation = self._parameters, self._images, self._validation
        phases = Phases(
            parameters, images, validation, self._classifier, self._cluster, self._continuation, self._augment
        )
        for name in phases.names[phases.names.index(self._resumed.phase) if self._resumed else 0 :]:
            self._continuation.end_if_told()
            self._run(self._set_up(phases, name))
        self._continuation.end_if_told()
        mixing = Mixing(parameters.mixup_alpha, parameters.cutmix_alpha)
        samples = augmented_samples(images, self._augmentation, mixing, parameters.seed)
        return TrainingResult(
            model=self._classifier.model,
            history=self._history,
            monitor=parameters.monitor,
            exposure=self._exposure,
            setup_seconds=self._setup_seconds,
            samples=samples,
            speed=self._speed,
        )

    @property
    def history(self) -> Sequence[EpochRow]:
        """The epochs so far, those before an interruption included."""
        return self._history

    def _set_up(self, phases: Phases, name: str) -> Phase:
        began_s = time.monotonic()
        phase = phases.set_up(name)
        self._setup_seconds.setdefault(name, round(time.monotonic() - began_s, 2))  # the first time is what it took
        if phase.features_speed:
            self._speed[f"features of {name}"] = phase.features_speed.facts()
        return phase

    def _take_over(self, checkpoint: Checkpoint) -> None:
        """Puts in place what the phases before have left, for the one under way to be set up as it was."""
        assign(self._classifier.model.variables, checkpoint.model)
        self._history += checkpoint.history
        self._exposure |= checkpoint.exposure
        self._setup_seconds |= checkpoint.setup_seconds
        self._speed |= checkpoint.speed
        self._best.weights, self._best.merit = checkpoint.best, checkpoint.best_merit

    def _sized(self, parameters: TrainParameters) -> SizedParameters:
        """Returns parameters with a batch size, found and said if it was to be."""
        classifier, cluster, dataset = self._classifier, self._cluster, self._images.dataset
        classes, end_if_told = len(dataset.class_names), self._continuation.end_if_told
        if parameters.batch_size != "auto":
            given = SizedParameters.model_validate(parameters.model_dump())
            if not self._resumed:
                check_memory(given, classifier, classes, cluster, end_if_told)
            return given
        if "batch_size" in self._speed:
            found_before = BatchSize.of(self._speed["batch_size"])
            return sized(parameters, found_before.shared_by(cluster.strategy.num_replicas_in_sync))
        found = fastest_batch(parameters, classifier, classes, cluster, dataset.rows, end_if_told)
        self._speed["batch_size"] = found.facts()
        self._continuation.keep_speed(self._speed)
        if self._cluster.is_chief:
            say("train", str(found))
        return sized(parameters, found)

    def _run(self, phase: Phase) -> None:
        """Runs one phase and goes back to the best weights so far."""
        self._tell_exposure(phase)
        classes, batch_size = len(self._images.dataset.class_names), self._parameters.batch_size

        def forget() -> None:
            self._continuation.keep_speed({})  # what was measured has no room: the next one is to measure again

        with answered(phase.name, phase.model, classes, batch_size, self._cluster, forget):
            self._fit(phase)
        self._classifier.compute_in("float32")
        self._best.restore()

    def _fit(self, phase: Phase) -> None:
        parameters, classes = self._parameters, len(self._images.dataset.class_names)
        loss = training_loss(phase.correction, classes, parameters.label_smoothing)
        known = self._speed.get(phase.name)
        steps = self._chooser.steps(phase, self._optimizer(phase), loss, Speed.of(known) if known else None)
        self._speed[phase.name], optimizer = steps.speed.facts(), steps.optimizer
        if steps.speed.measured and not known:
            self._continuation.keep_speed(self._speed)
        deciding = [
            keras.callbacks.EarlyStopping(f"val_{parameters.monitor}", mode="max", patience=parameters.patience),
            *schedule_callbacks(phase.schedule, parameters.monitor, parameters.patience),
        ]
        resumed, self._resumed = self._resumed, None
        progress = replace(resumed.progress) if resumed else Progress()
        state = self._state(phase, optimizer, deciding, progress)
        fit(
            phase.model,
            optimizer,
            steps.run,
            self._data(phase, progress),
            epochs=phase.epochs,
            callbacks=[
                EpochRecorder(
                    self._history, phase.name, parameters.batch_size, optimizer, verbose=self._cluster.is_chief
                ),
                self._best.callback(),
                *deciding,
                *self._callbacks,
                *self._continuation.callbacks(state, resumed),
            ],
            strategy=self._cluster.strategy,
            progress=progress,
            told_to_end=self._continuation.told_to_end,
            most_s=self._continuation.every_s,
        )

    def _optimizer(self, phase: Phase) -> keras.optimizers.Optimizer:
        rate = learning_rate(
            phase.schedule, phase.learning_rate, phase.steps, phase.epochs, self._parameters.warmup_epochs
        )
        with self._cluster.strategy.scope():
            optimizer = keras.optimizers.Adam(rate)
            optimizer.build(phase.model.trainable_variables)  # in the first step, replicas could not create its state
        return optimizer

    def _state(
        self,
        phase: Phase,
        optimizer: keras.optimizers.Optimizer,
        deciding: Sequence[keras.callbacks.Callback],
        progress: Progress,
    ) -> PhaseState:
        return PhaseState(
            phase=phase.name,
            classifier=self._classifier.model,
            learner=phase.model,
            optimizer=optimizer,
            callbacks=deciding,
            best=self._best,
            history=self._history,
            exposure=self._exposure,
            setup_seconds=self._setup_seconds,
            progress=progress,
            speed=self._speed,
        )

    def _data(self, phase: Phase, progress: Progress) -> Data:
        batch_size = self._parameters.batch_size
        return Data(
            train=phase.train(progress.epoch * phase.steps + progress.step),
            validation=phase.validation,
            steps_per_epoch=phase.steps,
            validation_steps=phase.validation_steps,
            classes=len(self._images.dataset.class_names),
            ids_of_step=lambda step: _ids(phase.ids, phase.mixing.steps_mixed(step), batch_size),
            ids_of_validation_step=lambda step: _ids(self._validation.ids().skip, range(step, step + 1), batch_size),
        )

    def _tell_exposure(self, phase: Phase) -> None:
        """Records how much the phase learns from each class, and says it where it differs from the phase before."""
        told = list(self._exposure.values())
        self._exposure[phase.name] = exposures(self._images.dataset.counts, phase.correction, phase.mixing)
        if self._cluster.is_chief and self._exposure[phase.name] not in told[-1:]:
            for line in exposure_lines(self._exposure[phase.name]):
                say("train", f"{phase.name}: {line}")


def _ids(ids: Callable[[int], tf.data.Dataset], steps: range, batch_size: int) -> list[str]:
    """Returns the ids of the images in some steps, each once, of ids from an element on."""
    of_steps = ids(steps.start * batch_size).take(len(steps) * batch_size)
    return list(dict.fromkeys(image.decode() for image in of_steps.as_numpy_iterator()))


def _check(parameters: TrainParameters, images: Images, validation: Images, replicas: int) -> None:
    if empty := [name for name, count in images.dataset.counts.items() if count == 0]:
        raise InputError(f"{images.folder}: expected at least one training image a class, found none of {empty}.")
    if validation.dataset.rows == 0:
        raise InputError(f"{validation.folder}: expected validation images, found none. Raise validation_fraction.")
    if parameters.batch_size != "auto" and parameters.batch_size % replicas:
        raise InputError(
            f"batch_size: expected a multiple of the {replicas} replicas that share a batch. "
            f"Received: {parameters.batch_size}."
        )
