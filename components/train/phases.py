"""What the phases of training learn from what: a head from frozen features, or the model's last layers from images."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import keras
import tensorflow as tf

from components.train.augmentation import Augment
from components.train.classifier import Classifier
from components.train.cluster import Cluster
from components.train.continuation import Continuation
from components.train.extraction import extract
from components.train.features import Features
from components.train.frozen_backbone import FrozenBackbone
from components.train.imbalance import Correction, correction
from components.train.input_pipeline import Images, padded_batches
from components.train.mixing import Mixing, Pair, blended, mixed
from components.train.parameters import Imbalance, Schedule, SizedParameters
from components.train.sampling import endless_draws, endless_epochs
from components.train.speed import Speed
from components.train.steps import Finished

Batches = Callable[[int, int], tf.data.Dataset]


@dataclass(frozen=True)
class Phase:
    """What one phase trains on what.

    Attributes:
        name: For the history.
        model: What learns; its input is the finished x of the batches.
        train: From a step on, returns this worker's endless batches (x, label) for one replica each.
        ids: From an element on, returns the endless ids, string, of the images in the elements of all workers.
        steps: Steps that make an epoch.
        validation: This worker's batches (x, label, weight) for one replica each, once.
        validation_steps: Steps that these make.
        epochs: Upper limit.
        learning_rate: Peak.
        schedule: What the learning rate does.
        correction: What rare classes get.
        mixing: How elements are mixed in pairs.
        finished: Makes of the x of a batch what the model takes, where it computes.
        features_speed: How features were computed to learn from, if any were.
    """

    name: str
    model: keras.Model
    train: Callable[[int], tf.data.Dataset]
    ids: Callable[[int], tf.data.Dataset]
    steps: int
    validation: tf.data.Dataset
    validation_steps: int
    epochs: int
    learning_rate: float
    schedule: Schedule
    correction: Correction
    mixing: Mixing
    finished: Finished
    features_speed: Speed | None = None


class Phases:
    """The phases of a training, each set up when it is asked for, in order.

    Args:
        parameters: What to do.
        images: To learn from.
        validation: To choose the best epoch by.
        classifier: What learns; a phase unfreezes what it trains.
        cluster: This process's place among the workers.
        continuation: Where features are kept.
        augment: The random change of an image.

    Attributes:
        names: Of the phases, in order.
    """

    def __init__(
        self,
        parameters: SizedParameters,
        images: Images,
        validation: Images,
        classifier: Classifier,
        cluster: Cluster,
        continuation: Continuation,
        augment: Augment,
    ) -> None:
        self._parameters, self._images, self._validation = parameters, images, validation
        self._classifier, self._cluster, self._continuation = classifier, cluster, continuation
        self._augment, self._mixing = augment, Mixing(parameters.mixup_alpha, parameters.cutmix_alpha)
        self._phases: dict[str, Callable[[], Phase]] = {}
        if parameters.head_epochs:
            self._phases |= {"head": self._head} if classifier.pretrained else {"scratch": self._scratch}
        if parameters.finetune_epochs:
            self._phases["finetune"] = self._finetune
        if parameters.imbalance == "crt":
            self._phases["classifier"] = self._head_anew
        self.names = list(self._phases)
        self._validation_steps = math.ceil(validation.dataset.rows / parameters.batch_size)

    def set_up(self, name: str) -> Phase:
        """Unfreezes what a phase trains, and prepares what it learns from."""
        return self._phases[name]()

    def _head(self) -> Phase:
        return self._on_features("head", self._parameters.head_epochs, self._parameters.imbalance)

    def _head_anew(self) -> Phase:
        """Kang et al. 2020, arXiv 1910.09217, section 4.1 (cRT): a new head on classes drawn equally often."""
        self._classifier.unfreeze(0)
        self._classifier.reset_head()
        return self._on_features("classifier", self._parameters.crt_epochs, "balanced_sampling")

    def _scratch(self) -> Phase:
        """Features of random weights tell nothing, so that everything learns from the first step."""
        parameters = self._parameters
        epochs, peak, schedule = parameters.head_epochs, parameters.head_learning_rate, parameters.head_schedule
        return self._on_images("scratch", epochs, peak, schedule)

    def _finetune(self) -> Phase:
        parameters = self._parameters
        self._classifier.unfreeze(parameters.finetune_layers)
        epochs, peak = parameters.finetune_epochs, parameters.finetune_learning_rate
        return self._on_images("finetune", epochs, peak, parameters.finetune_schedule)

    def _on_features(self, name: str, epochs: int, imbalance: Imbalance) -> Phase:
        """The frozen backbone's features are computed once; then an epoch takes about a second."""
        parameters, of_phase = self._parameters, self._correction(imbalance)
        rows, validation_rows = self._images.dataset.rows * parameters.head_views, self._validation.dataset.rows
        backbone = FrozenBackbone(
            self._classifier,
            parameters.precision,
            rows + validation_rows,
            self._cluster,
            self._continuation.end_if_told,
        )

        def kept(elements: Batches, rows: int, what: str) -> Features:
            kept_as = f"{name}: features of {what}"
            parts = self._continuation.parts(kept_as)
            compute = partial(extract, backbone, elements, rows, what, self._cluster, parts, self._augment.finished)
            return self._continuation.kept(kept_as, compute)

        features = kept(self._views, rows, "views of the training images")
        backbone.stay_with(features.speed)
        of_validation = kept(self._validation.in_order, validation_rows, "validation images")

        def order(elements: tf.data.Dataset, first: int = 0) -> tf.data.Dataset:
            seed = tf.constant([parameters.seed, 0], tf.int64)
            if of_phase.resamples:
                sampling = of_phase.sampling
                return endless_draws(elements, lambda _, label: label, sampling, seed, block=rows, first=first)
            return endless_epochs(elements, seed, rows=rows, block=rows, first=first)

        def train(first: int, size: int) -> tf.data.Dataset:
            own = order(features.rows(), first).shard(self._cluster.workers, self._cluster.worker)
            return features.look_up(own.batch(size, drop_remainder=True))

        names = tf.data.Dataset.zip(self._images.ids().repeat(), features.rows())
        return Phase(
            name=name,
            model=self._classifier.head,
            train=self._batches(train, self._mixing.of_features(), blended),
            ids=lambda first: order(names.map(lambda image, row: (image, row[1])), first).map(lambda image, _: image),
            steps=math.ceil(rows / parameters.batch_size),
            validation=of_validation.look_up(self._padded(of_validation.rows())),
            validation_steps=self._validation_steps,
            epochs=epochs,
            learning_rate=parameters.head_learning_rate,
            schedule=parameters.head_schedule,
            correction=of_phase,
            mixing=self._mixing.of_features(),
            finished=lambda x: x,
            features_speed=features.speed,
        )

    def _on_images(self, name: str, epochs: int, peak: float, schedule: Schedule) -> Phase:
        """The model's layers that learn see freshly augmented images every epoch."""
        parameters, cluster = self._parameters, self._cluster
        of_phase = self._correction(parameters.imbalance)
        sampling = of_phase.sampling if of_phase.resamples else None

        def train(first: int, size: int) -> tf.data.Dataset:
            own = self._images.shuffled(
                self._augment,
                parameters.seed,
                sampling=sampling,
                first=first,
                workers=cluster.workers,
                worker=cluster.worker,
            )
            return own.batch(size, drop_remainder=True)

        return Phase(
            name=name,
            model=self._classifier.model,
            train=self._batches(train, self._mixing, self._augment.pair),
            ids=partial(self._images.shuffled_ids, parameters.seed, sampling),
            steps=math.ceil(self._images.dataset.rows / parameters.batch_size),
            validation=self._padded(self._validation.encoded(), self._validation.decode),
            validation_steps=self._validation_steps,
            epochs=epochs,
            learning_rate=peak,
            schedule=schedule,
            correction=of_phase,
            mixing=self._mixing,
            finished=self._augment.finished,
        )

    def _batches(self, train: Batches, mixing: Mixing, pair: Pair) -> Callable[[int], tf.data.Dataset]:
        """Returns what gives a phase's batches from a step on.

        Args:
            train: (first element, size) -> this worker's batches of this size.
            mixing: Of their elements.
            pair: How two are put together.
        """
        batch_size, workers = self._parameters.batch_size, self._cluster.workers
        per_replica = batch_size // self._cluster.strategy.num_replicas_in_sync

        def plain(first_step: int) -> tf.data.Dataset:
            return train(first_step * batch_size, per_replica)

        def in_pairs(first_step: int) -> tf.data.Dataset:
            first_group, steps_of_group = divmod(first_step, 2)  # two batches are mixed at a time
            elements = mixed(
                train(first_group * 2 * batch_size, per_replica).unbatch(),
                mixing,
                classes=len(self._images.dataset.class_names),
                batch_size=batch_size,
                seed=self._parameters.seed,
                first_group=first_group,
                workers=workers,
                worker=self._cluster.worker,
                pair=pair,
            )
            return elements.skip(steps_of_group * batch_size // workers).batch(per_replica, drop_remainder=True)

        return in_pairs if mixing else plain

    def _padded(
        self, elements: tf.data.Dataset, decode: Callable[[tf.Tensor], tf.Tensor] | None = None
    ) -> tf.data.Dataset:
        return padded_batches(
            elements,
            self._parameters.batch_size,
            rows=self._validation.dataset.rows,
            replicas=self._cluster.strategy.num_replicas_in_sync,
            workers=self._cluster.workers,
            worker=self._cluster.worker,
            decode=decode,
        )

    def _views(self, first: int, last: int) -> tf.data.Dataset:
        parameters = self._parameters
        return self._images.views(self._augment, parameters.head_views, parameters.seed, first, last)

    def _correction(self, imbalance: Imbalance) -> Correction:
        parameters, counts = self._parameters, list(self._images.dataset.counts.values())
        return correction(imbalance, parameters.imbalance_strength, counts, parameters.focal_gamma)
