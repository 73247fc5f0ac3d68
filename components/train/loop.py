"""The one training loop: any strategy, any model, Keras' own callbacks.

Keras 3's `fit` does not run under MultiWorkerMirroredStrategy (keras-team/keras 20585), so the loop is
written out. It hands each step's gradients to the optimizer in replica context, where they are summed over
replicas; losses are therefore divided by the global batch size.
"""

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
        train: Endless per-worker batches (x, label).
        validation: Finite per-worker batches (x, label, weight).
        steps_per_epoch: Training steps that make an epoch.
        classes: Number of classes.
    """

    train: tf.data.Dataset
    validation: tf.data.Dataset
    steps_per_epoch: int
    classes: int


def fit(
    model: keras.Model,
    optimizer: keras.optimizers.Optimizer,
    train_loss: Loss,
    data: Data,
    *,
    epochs: int,
    callbacks: Sequence[keras.callbacks.Callback],
    strategy: tf.distribute.Strategy,
) -> None:
    """Trains a model.

    Args:
        model: Built in the strategy's scope, from x to logits [batch, classes].
        optimizer: Built in the strategy's scope.
        train_loss: (labels int64 [batch], logits float32 [batch, classes]) -> loss float32 [batch].
        data: Training and validation batches.
        epochs: Upper limit; a callback may stop earlier.
        callbacks: Get `loss`, `accuracy`, `val_loss`, `val_accuracy` and `val_macro_f1` of each epoch.
            The validation loss is the cross-entropy averaged within each class, then over classes, so
            that rare classes weigh as much as frequent ones.
        strategy: Where it runs.

    Raises:
        InputError: If the loss is not finite.
    """
    train_step = _train_step(model, optimizer, train_loss, strategy)
    validation_step = _validation_step(model, data.classes, strategy)
    batches = iter(_distributed(data.train, strategy))
    calls = keras.callbacks.CallbackList(list(callbacks), model=model)
    calls.set_params({"epochs": epochs, "steps": data.steps_per_epoch})
    model.stop_training = False
    model.optimizer = optimizer  # where Keras' callbacks look for it
    calls.on_train_begin()
    for epoch in range(epochs):
        calls.on_epoch_begin(epoch)
        logs = _run_epoch(train_step, batches, data.steps_per_epoch, calls)
        logs |= _validate(validation_step, _distributed(data.validation, strategy))
        calls.on_epoch_end(epoch, logs)
        if model.stop_training:
            break
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

    def replica_step(x: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            logits = model(x, training=True)
            losses = loss(labels, logits)
            scaled = tf.reduce_sum(losses) / tf.cast(tf.size(losses) * replicas, tf.float32)
        optimizer.apply(tape.gradient(scaled, model.trainable_variables), model.trainable_variables)
        correct = tf.reduce_mean(tf.cast(tf.argmax(logits, -1) == labels, tf.float32)) / replicas
        return tf.stack([scaled, correct])

    @tf.function
    def step(x: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        return strategy.reduce(tf.distribute.ReduceOp.SUM, strategy.run(replica_step, (x, labels)), axis=None)

    return step


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
    step: Callable[..., tf.Tensor], batches: tf.data.Iterator, steps: int, calls: keras.callbacks.CallbackList
) -> Logs:
    sums = np.zeros(2)
    for index in range(steps):
        calls.on_train_batch_begin(index)
        sums += step(*next(batches)).numpy()
        calls.on_train_batch_end(index, {"loss": sums[0] / (index + 1), "accuracy": sums[1] / (index + 1)})
        if not np.isfinite(sums[0]):
            raise InputError(
                f"The training loss became {sums[0]} in step {index + 1} of the epoch. Lower the learning rate."
            )
    return {"loss": float(sums[0] / steps), "accuracy": float(sums[1] / steps)}


def _validate(step: Callable[..., tuple[tf.Tensor, tf.Tensor]], batches: tf.distribute.DistributedDataset) -> Logs:
    losses_of_steps, confusions = zip(*(step(*batch) for batch in batches), strict=True)
    losses = np.sum([losses.numpy() for losses in losses_of_steps], axis=0)
    confusion = np.sum([matrix.numpy() for matrix in confusions], axis=0)
    hits, support, predicted = np.diag(confusion), confusion.sum(axis=1), confusion.sum(axis=0)
    present = support > 0
    return {
        "val_loss": float((losses[present] / support[present]).mean()),
        "val_accuracy": float(hits.sum() / support.sum()),
        "val_macro_f1": float((2 * hits[present] / (support + predicted)[present]).mean()),
    }
