"""Training in two phases: a head on frozen features (or everything from scratch), then the last layers with it."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from components._errors import InputError
from components._progress import say
from components.train.augmentation import augmenter
from components.train.augmented_samples import augmented_samples
from components.train.callbacks import BestWeights, EpochRecorder, EpochRow, merit
from components.train.checkpoint import Checkpoint
from components.train.checkpointing import PhaseState, assign
from components.train.classifier import Classifier
from components.train.cluster import Cluster
from components.train.continuation import Continuation
from components.train.exposure import ClassExposure, exposure_lines, exposures
from components.train.features import extract_features
from components.train.imbalance import Correction, correction
from components.train.input_pipeline import Images, padded_batches
from components.train.loop import Data, Progress, fit
from components.train.losses import training_loss
from components.train.mixing import Mixing, mixed
from components.train.parameters import Imbalance, Schedule, TrainParameters
from components.train.sampling import endless_draws, endless_epochs
from components.train.schedules import learning_rate, schedule_callbacks


@dataclass(frozen=True)
class TrainingResult:
    """A trained model and how it came about.

    Attributes:
        model: From RGB uint8 [batch, size, size, 3] to logits, with the weights of the best epoch.
        history: One row per epoch of either phase.
        exposure: By phase and class, how much was learned from it.
        samples: Augmented images, uint8 [rows, columns, size, size, 3]; the first column is unchanged.
    """

    model: keras.Model
    history: list[EpochRow]
    exposure: dict[str, dict[str, ClassExposure]]
    samples: NDArray[np.uint8]

    @property
    def best(self) -> EpochRow:
        """The epoch whose weights the model has."""
        return max(self.history, key=merit)


@dataclass(frozen=True)
class _Phase:
    """What one phase trains on what.

    Attributes:
        name: For the history.
        model: What learns; its input is the x of the elements.
        train: Returns this worker's endless (x, label) elements from one on, counted over all workers.
        ids: Endless ids, string, of the images in the elements of all workers.
        rows: Elements of all workers that make an epoch.
        validation: Finite (x, label) elements.
        epochs: Upper limit.
        learning_rate: Peak.
        schedule: What the learning rate does.
        correction: What rare classes get.
        mixing: How elements are mixed in pairs.
    """

    name: str
    model: keras.Model
    train: Callable[[int], tf.data.Dataset]
    ids: tf.data.Dataset
    rows: int
    validation: tf.data.Dataset
    epochs: int
    learning_rate: float
    schedule: Schedule
    correction: Correction
    mixing: Mixing


class Trainer:
    """Trains a classifier; every worker of a cluster makes one with the same arguments.

    Args:
        parameters: What to do.
        images: To learn from.
        validation: To choose the best epoch by.
        cluster: This process's place among the workers.
        continuation: Where training goes on from, and what it keeps to go on from; by default, nothing.

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
    ) -> None:
        _check(parameters, images, validation, cluster.strategy.num_replicas_in_sync)
        self._parameters, self._images, self._validation, self._cluster = parameters, images, validation, cluster
        self._continuation = continuation or Continuation(cluster)
        self._history: list[EpochRow] = []
        self._exposure: dict[str, dict[str, ClassExposure]] = {}
        self._augment = augmenter(parameters.augmentation, parameters.augmentation_magnitude)
        self._mixing = Mixing(parameters.mixup_alpha, parameters.cutmix_alpha)
        keras.utils.set_random_seed(parameters.seed)
        with cluster.strategy.scope():
            self._classifier = Classifier(parameters, len(images.dataset.class_names))
        self._best = BestWeights(self._classifier.model)
        self._resumed = self._continuation.last_checkpoint()
        if self._resumed:
            self._take_over(self._resumed)

    def train(self) -> TrainingResult:
        """Runs the phases, from the one on that was under way when training was interrupted.

        Returns:
            The model with the weights of the best epoch of either phase.
        """
        phases = self._phases()
        names = list(phases)
        for name in names[names.index(self._resumed.phase) if self._resumed else 0 :]:
            self._run(phases[name]())
        samples = augmented_samples(self._images, self._augment, self._mixing, self._parameters.seed)
        return TrainingResult(self._classifier.model, self._history, self._exposure, samples)

    def _phases(self) -> dict[str, Callable[[], _Phase]]:
        phases: dict[str, Callable[[], _Phase]] = {}
        if self._parameters.head_epochs:
            phases |= {"head": self._head_phase} if self._classifier.pretrained else {"scratch": self._scratch_phase}
        if self._parameters.finetune_epochs:
            phases["finetune"] = self._finetune_phase
        if self._parameters.imbalance == "crt":
            phases["classifier"] = self._classifier_phase
        return phases

    def _take_over(self, checkpoint: Checkpoint) -> None:
        """Puts in place what the phases before have left, for the one under way to be set up as it was."""
        assign(self._classifier.model.variables, checkpoint.model)
        self._history += checkpoint.history
        self._exposure |= checkpoint.exposure
        self._best.weights, self._best.merit = checkpoint.best, checkpoint.best_merit

    def _head_phase(self) -> _Phase:
        return self._feature_phase("head", self._parameters.head_epochs, self._parameters.imbalance)

    def _classifier_phase(self) -> _Phase:
        """Kang et al. 2020, arXiv 1910.09217, section 4.1 (cRT): a new head on classes drawn equally often."""
        self._classifier.unfreeze(0)
        self._classifier.reset_head()
        return self._feature_phase("classifier", self._parameters.crt_epochs, "balanced_sampling")

    def _feature_phase(self, name: str, epochs: int, imbalance: Imbalance) -> _Phase:
        """The frozen backbone's features are computed once; then an epoch takes about a second."""
        parameters, cluster, of_phase = self._parameters, self._cluster, self._correction(imbalance)
        views = self._images.views(self._augment, parameters.head_views, parameters.seed)
        rows = self._images.dataset.rows * parameters.head_views
        features = self._features(name, views, rows, "views of the training images")
        names = tf.data.Dataset.zip(self._images.ids().repeat(), features).map(lambda image, of: (image, of[1]))

        def order(elements: tf.data.Dataset) -> tf.data.Dataset:
            if of_phase.resamples:
                return endless_draws(elements, lambda _, label: label, of_phase.sampling, rows, parameters.seed)
            return endless_epochs(elements, rows, parameters.seed)

        return _Phase(
            name=name,
            model=self._classifier.head,
            train=lambda first: order(features).skip(first).shard(cluster.workers, cluster.worker),
            ids=order(names).map(lambda image, _: image),
            rows=rows,
            validation=self._features(
                name, self._validation.in_order(), self._validation.dataset.rows, "validation images"
            ),
            epochs=epochs,
            learning_rate=parameters.head_learning_rate,
            schedule=parameters.head_schedule,
            correction=of_phase,
            mixing=self._mixing.of_features(),
        )

    def _scratch_phase(self) -> _Phase:
        """Features of random weights tell nothing, so that everything learns from the first step."""
        parameters = self._parameters
        epochs, peak, schedule = parameters.head_epochs, parameters.head_learning_rate, parameters.head_schedule
        return self._image_phase("scratch", epochs, peak, schedule)

    def _finetune_phase(self) -> _Phase:
        parameters = self._parameters
        self._classifier.unfreeze(parameters.finetune_layers)
        epochs, peak = parameters.finetune_epochs, parameters.finetune_learning_rate
        return self._image_phase("finetune", epochs, peak, parameters.finetune_schedule)

    def _image_phase(self, name: str, epochs: int, peak: float, schedule: Schedule) -> _Phase:
        """The model's layers that learn see freshly augmented images every epoch."""
        parameters, cluster = self._parameters, self._cluster
        of_phase = self._correction(parameters.imbalance)
        sampling = of_phase.sampling if of_phase.resamples else None
        return _Phase(
            name=name,
            model=self._classifier.model,
            train=lambda first: self._images.shuffled(
                self._augment,
                parameters.seed,
                sampling=sampling,
                first=first,
                workers=cluster.workers,
                worker=cluster.worker,
            ),
            ids=self._images.shuffled_ids(parameters.seed, sampling),
            rows=self._images.dataset.rows,
            validation=self._validation.in_order(),
            epochs=epochs,
            learning_rate=peak,
            schedule=schedule,
            correction=of_phase,
            mixing=self._mixing,
        )

    def _run(self, phase: _Phase) -> None:
        """Runs one phase and goes back to the best weights so far."""
        parameters, strategy, batch_size = self._parameters, self._cluster.strategy, self._parameters.batch_size
        self._tell_exposure(phase)
        steps = math.ceil(phase.rows / batch_size)
        rate = learning_rate(phase.schedule, phase.learning_rate, steps, phase.epochs, parameters.warmup_epochs)
        with strategy.scope():
            optimizer = keras.optimizers.Adam(rate)
            optimizer.build(phase.model.trainable_variables)  # in the first step, replicas could not create its state
        deciding = [
            keras.callbacks.EarlyStopping("val_macro_f1", mode="max", patience=parameters.patience),
            *schedule_callbacks(phase.schedule, parameters.patience),
        ]
        resumed, self._resumed = self._resumed, None
        progress = replace(resumed.progress) if resumed else Progress()
        state = PhaseState(
            phase=phase.name,
            classifier=self._classifier.model,
            learner=phase.model,
            optimizer=optimizer,
            callbacks=deciding,
            best=self._best,
            history=self._history,
            exposure=self._exposure,
            progress=progress,
        )
        fit(
            phase.model,
            optimizer,
            training_loss(phase.correction, len(self._images.dataset.class_names), parameters.label_smoothing),
            self._data(phase, steps, progress),
            epochs=phase.epochs,
            callbacks=[
                EpochRecorder(self._history, phase.name, batch_size, optimizer, verbose=self._cluster.is_chief),
                self._best.callback(),
                *deciding,
                *self._continuation.callbacks(state, resumed),
            ],
            strategy=strategy,
            progress=progress,
            told_to_end=self._continuation.told_to_end,
        )
        self._best.restore()

    def _features(self, phase: str, elements: tf.data.Dataset, rows: int, what: str) -> tf.data.Dataset:
        def compute() -> tf.data.Dataset:
            return extract_features(self._classifier.features, elements, rows, what, verbose=self._cluster.is_chief)

        return self._continuation.kept(f"{phase}: features of {what}", compute)

    def _data(self, phase: _Phase, steps: int, progress: Progress) -> Data:
        batch_size, cluster = self._parameters.batch_size, self._cluster
        first_step = progress.epoch * steps + progress.step
        per_replica = batch_size // cluster.strategy.num_replicas_in_sync
        return Data(
            train=self._mixed(phase, first_step).batch(per_replica, drop_remainder=True).prefetch(tf.data.AUTOTUNE),
            validation=padded_batches(
                phase.validation,
                batch_size,
                rows=self._validation.dataset.rows,
                replicas=cluster.strategy.num_replicas_in_sync,
                workers=cluster.workers,
                worker=cluster.worker,
            ),
            steps_per_epoch=steps,
            classes=len(self._images.dataset.class_names),
            ids_of_step=lambda step: [
                image.decode() for image in phase.ids.skip(step * batch_size).take(batch_size).as_numpy_iterator()
            ],
        )

    def _mixed(self, phase: _Phase, first_step: int) -> tf.data.Dataset:
        batch_size, workers = self._parameters.batch_size, self._cluster.workers
        if not phase.mixing:
            return phase.train(first_step * batch_size)
        first_group, steps_of_group = divmod(first_step, 2)  # two batches are mixed at a time
        return mixed(
            phase.train(first_group * 2 * batch_size),
            phase.mixing,
            classes=len(self._images.dataset.class_names),
            batch_size=batch_size,
            seed=self._parameters.seed,
            first_group=first_group,
            workers=workers,
            worker=self._cluster.worker,
        ).skip(steps_of_group * batch_size // workers)

    def _correction(self, imbalance: Imbalance) -> Correction:
        parameters, counts = self._parameters, list(self._images.dataset.counts.values())
        return correction(imbalance, parameters.imbalance_strength, counts, parameters.focal_gamma)

    def _tell_exposure(self, phase: _Phase) -> None:
        """Records how much the phase learns from each class, and says it where it differs from the phase before."""
        told = list(self._exposure.values())
        self._exposure[phase.name] = exposures(self._images.dataset.counts, phase.correction, phase.mixing)
        if self._cluster.is_chief and self._exposure[phase.name] not in told[-1:]:
            for line in exposure_lines(self._exposure[phase.name]):
                say("train", f"{phase.name}: {line}")


def _check(parameters: TrainParameters, images: Images, validation: Images, replicas: int) -> None:
    if empty := [name for name, count in images.dataset.counts.items() if count == 0]:
        raise InputError(f"{images.folder}: expected at least one training image a class, found none of {empty}.")
    if validation.dataset.rows == 0:
        raise InputError(f"{validation.folder}: expected validation images, found none. Raise validation_fraction.")
    if parameters.batch_size % replicas:
        raise InputError(
            f"batch_size: expected a multiple of the {replicas} replicas that share a batch. "
            f"Received: {parameters.batch_size}."
        )
