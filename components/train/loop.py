"""The one training loop: any strategy, any model, Keras' own callbacks.

Keras 3's `fit` does not run under MultiWorkerMirroredStrategy (keras-team/keras 20585), so the loop is
written out. It hands each step's gradients to the optimizer in replica context, where they are summed over
replicas; losses are therefore divided by the global batch size.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

from components._errors import InputError

Loss = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
Logs = dict[str, float]


@dataclass(frozen=True)
class Data:
    """What the loop reads.

    Attributes:
        train: Endless per-worker batches (x, label), from the step on that training begins with.
        validation: Finite per-worker batches (x, label, weight).
        steps_per_epoch: Training steps that make an epoch.
        classes: Number of classes.
        ids_of_step: Returns the ids of the images in a step, counted from the first one of the phase.
    """

    train: tf.data.Dataset
    validation: tf.data.Dataset
    steps_per_epoch: int
    classes: int
    ids_of_step: Callable[[int], Sequence[str]] = lambda _: ()


@dataclass
class Progress:
    """How far training has come; the loop moves it on, callbacks may read it.

    Attributes:
        epoch: Complete epochs.
        step: Complete steps of the epoch under way.
        loss_sum: Over these steps.
        accuracy_sum: Over these steps.
        ending: Whether a worker has been told to end; all learn of it in the same step.
    """

    epoch: int = 0
    step: int = 0
    loss_sum: float = 0.0
    accuracy_sum: float = 0.0
    ending: bool = False

    @property
    def place(self) -> str:
        """For people."""
        return f"epoch {self.epoch + 1}, after {self.step} steps"

    @property
    def logs(self) -> Logs:
        """Means over the steps of the epoch under way."""
        return {"loss": self.loss_sum / self.step, "accuracy": self.accuracy_sum / self.step}


def fit(
    model: keras.Model,
    optimizer: keras.optimizers.Optimizer,
    train_loss: Loss,
    data: Data,
    *,
    epochs: int,
    callbacks: Sequence[keras.callbacks.Callback],
    strategy: tf.distribute.Strategy,
    progress: Progress | None = None,
    told_to_end: Callable[[], bool] = lambda: False,
) -> None:
    """Trains a model.

    Args:
        model: Built in the strategy's scope, from x to logits [batch, classes].
        optimizer: Built in the strategy's scope.
        train_loss: (labels, logits float32 [batch, classes]) -> loss float32 [batch]; labels as they come in the data,
            int64 [batch] or shares of the classes float32 [batch, classes].
        data: Training and validation batches.
        epochs: Upper limit; a callback may stop earlier.
        callbacks: Get `loss`, `accuracy`, `val_loss`, `val_accuracy` and `val_macro_f1` of each epoch.
            The validation loss is the cross-entropy averaged within each class, then over classes, so
            that rare classes weigh as much as frequent ones.
        strategy: Where it runs.
        progress: Where to begin; moved on after each step.
        told_to_end: Asked before each step; sets `progress.ending` of all workers if one of them says so.

    Raises:
        InputError: If the loss is not finite; names the images of the step.
    """
    progress = progress or Progress()
    train_step = _train_step(model, optimizer, train_loss, strategy)
    validation_step = _validation_step(model, data.classes, strategy)
    batches = iter(_distributed(data.train, strategy))
    calls = keras.callbacks.CallbackList(list(callbacks), model=model)
    calls.set_params({"epochs": epochs, "steps": data.steps_per_epoch})
    model.stop_training = False
    model.optimizer = optimizer  # where Keras' callbacks look for it
    calls.on_train_begin()
    while progress.epoch < epochs and not model.stop_training:
        calls.on_epoch_begin(progress.epoch)
        _run_epoch(train_step, batches, data, progress, calls, told_to_end)
        logs = progress.logs | _validate(validation_step, _distributed(data.validation, strategy), calls)
        progress.epoch, progress.step, progress.loss_sum, progress.accuracy_sum = progress.epoch + 1, 0, 0.0, 0.0
        calls.on_epoch_end(progress.epoch - 1, logs)
    calls.on_train_end()
    model.optimizer = None  # it is no part of what is saved


def _distributed(batches: tf.data.Dataset, strategy: tf.distribute.Strategy) -> tf.distribute.DistributedDataset:
    """Each worker's batches are its own already; the strategy only cuts them for its local replicas."""
    options = tf.data.Options()
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.OFF
    return strategy.distribute_datasets_from_function(lambda _: batches.with_options(options))


def _train_step(
    model: keras.Model, optimizer: keras.optimizers.Optimizer, loss: Loss, strategy: tf.distribute.Strategy
) -> Callable[..., tf.Tensor]:
    replicas = strategy.num_replicas_in_sync

    def replica_step(x: tf.Tensor, labels: tf.Tensor, ending: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            logits = model(x, training=True)
            losses = loss(labels, logits)
            scaled = tf.reduce_sum(losses) / tf.cast(tf.size(losses) * replicas, tf.float32)
        optimizer.apply(tape.gradient(scaled, model.trainable_variables), model.trainable_variables)
        correct = tf.reduce_mean(tf.cast(tf.argmax(logits, -1) == _class_of(labels), tf.float32)) / replicas
        return tf.stack([scaled, correct, ending])

    @tf.function
    def step(x: tf.Tensor, labels: tf.Tensor, ending: tf.Tensor) -> tf.Tensor:
        return strategy.reduce(tf.distribute.ReduceOp.SUM, strategy.run(replica_step, (x, labels, ending)), axis=None)

    return step


def _class_of(labels: tf.Tensor) -> tf.Tensor:
    """Returns the largest class of mixed labels [batch, classes], and labels [batch] as they are."""
    return tf.argmax(labels, -1) if labels.shape.rank == 2 else labels


def _validation_step(
    model: keras.Model, classes: int, strategy: tf.distribute.Strategy
) -> Callable[..., tuple[tf.Tensor, tf.Tensor]]:
    def replica_step(x: tf.Tensor, labels: tf.Tensor, weights: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        logits = model(x, training=False)
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
        confusion = tf.math.confusion_matrix(labels, tf.argmax(logits, -1), classes, weights, tf.float32)
        return tf.math.unsorted_segment_sum(losses * weights, labels, classes), confusion

    @tf.function
    def step(x: tf.Tensor, labels: tf.Tensor, weights: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        results = strategy.run(replica_step, (x, labels, weights))
        return tuple(strategy.reduce(tf.distribute.ReduceOp.SUM, result, axis=None) for result in results)

    return step


def _run_epoch(
    step: Callable[..., tf.Tensor],
    batches: tf.data.Iterator,
    data: Data,
    progress: Progress,
    calls: keras.callbacks.CallbackList,
    told_to_end: Callable[[], bool],
) -> None:
    """Runs the steps that the epoch under way still lacks."""
    for index in range(progress.step, data.steps_per_epoch):
        calls.on_train_batch_begin(index)
        loss, accuracy, ending = map(float, step(*next(batches), tf.constant(float(told_to_end()))).numpy())
        if not math.isfinite(loss):
            raise _not_finite(loss, index, data.ids_of_step(progress.epoch * data.steps_per_epoch + index))
        progress.step, progress.ending = index + 1, ending > 0
        progress.loss_sum, progress.accuracy_sum = progress.loss_sum + loss, progress.accuracy_sum + accuracy
        calls.on_train_batch_end(index, progress.logs)


def _not_finite(loss: float, index: int, ids: Sequence[str]) -> InputError:
    images = f" Look at the images of this step, by id: {', '.join(ids)}." if ids else ""
    return InputError(
        f"The training loss became {loss} in step {index + 1} of the epoch. Lower the learning rate.{images}"
    )


def _validate(
    step: Callable[..., tuple[tf.Tensor, tf.Tensor]],
    batches: tf.distribute.DistributedDataset,
    calls: keras.callbacks.CallbackList,
) -> Logs:
    results = []
    for index, batch in enumerate(batches):
        results.append(step(*batch))
        calls.on_test_batch_end(index)
    losses_of_steps, confusions = zip(*results, strict=True)
    losses = np.sum([losses.numpy() for losses in losses_of_steps], axis=0)
    confusion = np.sum([matrix.numpy() for matrix in confusions], axis=0)
    hits, support, predicted = np.diag(confusion), confusion.sum(axis=1), confusion.sum(axis=0)
    present = support > 0
    return {
        "val_loss": float((losses[present] / support[present]).mean()),
        "val_accuracy": float(hits.sum() / support.sum()),
        "val_macro_f1": float((2 * hits[present] / (support + predicted)[present]).mean()),
    }
