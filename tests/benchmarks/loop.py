"""What the training loop costs beside its steps: its steps per second against those of the bare compiled step.

Both train the same model on one batch that stays in memory. The loop also draws it from an iterator, fetches every
loss, calls the callbacks of a training that prints and keeps checkpoints, and asks whether it is to end; the bare step
is called step by step and waited for in the end. The loop's first epoch compiles; its last one is timed.

    python -m tests.benchmarks.loop [--image-size-px 128] [--batch-size 32] [--steps 30] [--repeats 5]
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from components.train.callbacks import BestWeights, EpochRecorder
from components.train.checkpoint import CheckpointFolder
from components.train.checkpointing import PhaseState
from components.train.classifier import Classifier
from components.train.cluster import join_cluster
from components.train.continuation import Continuation
from components.train.loop import Data, Progress, fit
from components.train.parameters import TrainParameters
from components.train.steps import Loss, train_steps
from tests.benchmarks.timing import median_seconds

CLASSES = 9
EPOCHS = 3


class Clock(keras.callbacks.Callback):
    """Times the steps of the last epoch."""

    def on_epoch_begin(self, epoch: int, logs: object = None) -> None:  # noqa: ARG002 - as Keras calls it
        self._began_s = time.perf_counter()

    def on_train_batch_end(self, batch: int, logs: object = None) -> None:  # noqa: ARG002
        self.seconds = time.perf_counter() - self._began_s


def loss(labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    return tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)


def bare(model: keras.Model, x: tf.Tensor, labels: tf.Tensor, steps: int, of: Loss) -> Callable[[], float]:
    optimizer = keras.optimizers.Adam()
    optimizer.build(model.trainable_variables)

    @tf.function
    def step() -> tf.Tensor:
        with tf.GradientTape() as tape:
            value = tf.reduce_mean(of(labels, model(x, training=True)))
        optimizer.apply(tape.gradient(value, model.trainable_variables), model.trainable_variables)
        return value

    def run() -> float:
        step()
        began_s = time.perf_counter()
        values = [step() for _ in range(steps)]
        values[-1].numpy()
        return time.perf_counter() - began_s

    return run


def loop(model: keras.Model, x: tf.Tensor, labels: tf.Tensor, steps: int, folder: Path) -> Callable[[], float]:
    cluster = join_cluster({})
    batch = tf.data.Dataset.from_tensors((x, labels))
    validation = batch.map(lambda x, labels: (x, labels, tf.ones(tf.shape(labels))))
    data = Data(batch.cache().repeat(), validation, steps, 1, CLASSES)

    def run() -> float:
        optimizer, progress, clock, best = keras.optimizers.Adam(), Progress(), Clock(), BestWeights(model, "macro_f1")
        optimizer.build(model.trainable_variables)
        state = PhaseState(
            phase="head", classifier=model, learner=model, optimizer=optimizer, callbacks=[], best=best, history=[],
            exposure={}, setup_seconds={}, progress=progress,
        )  # fmt: skip
        continuation = Continuation(cluster, CheckpointFolder(folder, "key"))
        recorder = EpochRecorder([], "head", len(labels), optimizer, verbose=True)
        train = train_steps(model, optimizer, loss, cluster.strategy)
        fit(
            model, optimizer, train, data, epochs=EPOCHS, strategy=cluster.strategy, progress=progress,
            callbacks=[recorder, best.callback(), *continuation.callbacks(state, None), clock],
            told_to_end=continuation.told_to_end, most_s=continuation.every_s,
        )  # fmt: skip
        return clock.seconds

    return run


def main() -> None:
    flags = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    flags.add_argument("--image-size-px", type=int, default=128)
    flags.add_argument("--batch-size", type=int, default=32)
    flags.add_argument("--steps", type=int, default=30)
    flags.add_argument("--repeats", type=int, default=5)
    given = flags.parse_args()
    parameters = TrainParameters(image_size_px=given.image_size_px)
    rng = np.random.default_rng(0)
    labels = tf.constant(rng.integers(0, CLASSES, given.batch_size))
    pixels = rng.integers(0, 256, (given.batch_size, given.image_size_px, given.image_size_px, 3), np.uint8)
    classifier = Classifier(parameters, CLASSES)
    features = classifier.features(tf.constant(pixels))
    classifier.unfreeze(parameters.finetune_layers)
    for name, model, x in (
        ("head", classifier.head, features),
        ("fine-tuning", classifier.model, tf.constant(pixels)),
    ):
        with tempfile.TemporaryDirectory() as folder:
            peers = {
                "bare": bare(model, x, labels, given.steps, loss),
                "loop": loop(model, x, labels, given.steps, Path(folder)),
            }
            seconds = median_seconds(peers, given.repeats)
        rates = {peer: given.steps / taken_s for peer, taken_s in seconds.items()}
        print(
            f"{name}: bare {rates['bare']:.1f} steps/s, loop {rates['loop']:.1f} steps/s: "
            f"{rates['loop'] / rates['bare']:.3f} of the bare step"
        )


if __name__ == "__main__":
    main()
