"""Training in two phases: a head on frozen features (or everything from scratch), then the last layers with it."""

import math
from dataclasses import dataclass

import keras
import tensorflow as tf

from components._errors import InputError
from components.train.callbacks import BestWeights, EpochRecorder, EpochRow, merit
from components.train.classifier import Classifier, log_prior
from components.train.cluster import Cluster
from components.train.features import extract_features
from components.train.input_pipeline import Images, padded_batches
from components.train.loop import Data, Loss, fit
from components.train.parameters import Schedule, TrainParameters
from components.train.schedules import learning_rate, schedule_callbacks


@dataclass(frozen=True)
class TrainingResult:
    """A trained model and how it came about.

    Attributes:
        model: From RGB uint8 [batch, size, size, 3] to logits, with the weights of the best epoch.
        history: One row per epoch of either phase.
    """

    model: keras.Model
    history: list[EpochRow]

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
        train: This worker's endless (x, label) elements.
        rows: Elements of all workers that make an epoch.
        validation: Finite (x, label) elements.
        epochs: Upper limit.
        learning_rate: Peak.
        schedule: What the learning rate does.
    """

    name: str
    model: keras.Model
    train: tf.data.Dataset
    rows: int
    validation: tf.data.Dataset
    epochs: int
    learning_rate: float
    schedule: Schedule


class Trainer:
    """Trains a classifier; every worker of a cluster makes one with the same arguments.

    Args:
        parameters: What to do.
        images: To learn from.
        validation: To choose the best epoch by.
        cluster: This process's place among the workers.

    Raises:
        InputError: If the images don't suffice or the batch can't be divided among the replicas.
    """

    def __init__(self, parameters: TrainParameters, images: Images, validation: Images, cluster: Cluster) -> None:
        _check(parameters, images, validation, cluster.strategy.num_replicas_in_sync)
        self._parameters, self._images, self._validation, self._cluster = parameters, images, validation, cluster
        self._history: list[EpochRow] = []
        keras.utils.set_random_seed(parameters.seed)
        with cluster.strategy.scope():
            self._classifier = Classifier(parameters, len(images.dataset.class_names))
        self._best = BestWeights(self._classifier.model)

    def train(self) -> TrainingResult:
        """Runs both phases.

        Returns:
            The model with the weights of the best epoch of either phase.
        """
        if self._parameters.head_epochs:
            self._run(self._head_phase() if self._classifier.pretrained else self._scratch_phase())
        if self._parameters.finetune_epochs:
            self._run(self._finetune_phase())
        return TrainingResult(self._classifier.model, self._history)

    def _head_phase(self) -> _Phase:
        """The frozen backbone's features are computed once; then an epoch takes about a second."""
        parameters, cluster = self._parameters, self._cluster
        views = self._images.views(parameters.augmentation, parameters.head_views, parameters.seed)
        rows = self._images.dataset.rows * parameters.head_views
        features = self._features(views, rows, "views of the training images")
        return _Phase(
            name="head",
            model=self._classifier.head,
            train=features.shuffle(rows, seed=parameters.seed).repeat().shard(cluster.workers, cluster.worker),
            rows=rows,
            validation=self._features(self._validation.in_order(), self._validation.dataset.rows, "validation images"),
            epochs=parameters.head_epochs,
            learning_rate=parameters.head_learning_rate,
            schedule=parameters.head_schedule,
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
        return _Phase(
            name=name,
            model=self._classifier.model,
            train=self._images.shuffled(
                parameters.augmentation, parameters.seed, workers=cluster.workers, worker=cluster.worker
            ),
            rows=self._images.dataset.rows,
            validation=self._validation.in_order(),
            epochs=epochs,
            learning_rate=peak,
            schedule=schedule,
        )

    def _run(self, phase: _Phase) -> None:
        """Runs one phase and goes back to the best weights so far."""
        parameters, strategy, batch_size = self._parameters, self._cluster.strategy, self._parameters.batch_size
        steps = math.ceil(phase.rows / batch_size)
        rate = learning_rate(phase.schedule, phase.learning_rate, steps, phase.epochs, parameters.warmup_epochs)
        with strategy.scope():
            optimizer = keras.optimizers.Adam(rate)
            optimizer.build(phase.model.trainable_variables)  # in the first step, replicas could not create its state
        fit(
            phase.model,
            optimizer,
            self._loss(),
            self._data(phase, steps),
            epochs=phase.epochs,
            callbacks=[
                EpochRecorder(self._history, phase.name, batch_size, optimizer, verbose=self._cluster.is_chief),
                self._best.callback(),
                keras.callbacks.EarlyStopping("val_macro_f1", mode="max", patience=parameters.patience),
                *schedule_callbacks(phase.schedule, parameters.patience),
            ],
            strategy=strategy,
        )
        self._best.restore()

    def _features(self, elements: tf.data.Dataset, rows: int, what: str) -> tf.data.Dataset:
        return extract_features(self._classifier.features, elements, rows, what, verbose=self._cluster.is_chief)

    def _data(self, phase: _Phase, steps: int) -> Data:
        batch_size, cluster = self._parameters.batch_size, self._cluster
        per_replica = batch_size // cluster.strategy.num_replicas_in_sync
        return Data(
            train=phase.train.batch(per_replica, drop_remainder=True).prefetch(tf.data.AUTOTUNE),
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
        )

    def _loss(self) -> Loss:
        """Cross-entropy with label smoothing, on logits adjusted for the classes' unequal shares."""
        counts = list(self._images.dataset.counts.values())
        strength = self._parameters.imbalance_strength if self._parameters.imbalance == "logit_adjustment" else 0.0
        adjustment, smoothing = log_prior(counts, strength), self._parameters.label_smoothing

        def loss(labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
            targets = tf.one_hot(labels, len(counts)) * (1 - smoothing) + smoothing / len(counts)
            return tf.nn.softmax_cross_entropy_with_logits(targets, logits + adjustment)

        return loss


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
