"""What the frozen phase costs, the head's epochs included, over one forward pass of the backbone over the same views.

The forward pass is that of the bare compiled backbone, on views that lie in memory as pixels. The phase is what a
training runs: features computed once, batches drawn from them in a fresh order, validation after each epoch, the
callbacks that record and keep checkpoints.

    python -m tests.benchmarks.head [--views 1000] [--image-size-px 224] [--epochs 30] [--repeats 3]
"""

import argparse
import tempfile
import time
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
from components.train.extraction import extract
from components.train.features import Features
from components.train.frozen_backbone import BATCH_SIZE, FrozenBackbone
from components.train.input_pipeline import padded_batches
from components.train.loop import Data, Progress, fit
from components.train.parameters import TrainParameters
from components.train.sampling import endless_epochs
from components.train.steps import train_steps
from tests.benchmarks.timing import median_seconds

CLASSES = 9
VALIDATION_SHARE = 5


def forward_s(model: keras.Model, views: np.ndarray) -> float:
    """Runs all views through the backbone; what compiles has run before."""
    forward = tf.function(lambda pixels: model(pixels, training=False))
    batches = [tf.constant(views[first : first + BATCH_SIZE]) for first in range(0, len(views), BATCH_SIZE)]
    forward(batches[0]), forward(batches[-1])
    began_s = time.perf_counter()
    for batch in batches:
        forward(batch).numpy()
    return time.perf_counter() - began_s


def features_of(classifier: Classifier, pairs: tf.data.Dataset, precision: str) -> Features:
    """Computes the features as the phase does."""
    cluster = join_cluster({})
    backbone = FrozenBackbone(classifier, precision, len(pairs), cluster)
    return extract(backbone, lambda first, last: pairs.skip(first).take(last - first), len(pairs), "views", cluster)


def head_s(head: keras.Model, features: Features, batch_size: int, epochs: int) -> float:
    """Trains a head as the phase does, compilation included."""
    rows, cluster = len(features.labels), join_cluster({})
    validation = Features(features.x[: rows // VALIDATION_SHARE], features.labels[: rows // VALIDATION_SHARE])
    padded = padded_batches(validation.rows(), batch_size, rows=len(validation.labels))
    order = endless_epochs(features.rows(), tf.constant([0, 0], tf.int64), rows=rows, block=rows)
    train = features.look_up(order.batch(batch_size, drop_remainder=True))
    steps, validation_steps = -(-rows // batch_size), -(-len(validation.labels) // batch_size)
    optimizer, progress, best, history = keras.optimizers.Adam(), Progress(), BestWeights(head, "macro_f1"), []
    optimizer.build(head.trainable_variables)
    with tempfile.TemporaryDirectory() as folder:
        state = PhaseState(
            phase="head", classifier=head, learner=head, optimizer=optimizer, callbacks=[], best=best, history=history,
            exposure={}, setup_seconds={}, progress=progress,
        )  # fmt: skip
        continuation = Continuation(cluster, CheckpointFolder(Path(folder), "key"))
        recorder = EpochRecorder(history, "head", batch_size, optimizer, verbose=False)
        began_s = time.perf_counter()
        loss = tf.nn.sparse_softmax_cross_entropy_with_logits
        fit(
            head, optimizer, train_steps(head, optimizer, loss, cluster.strategy),
            Data(train, validation.look_up(padded), steps, validation_steps, CLASSES), epochs=epochs,
            callbacks=[recorder, best.callback(), *continuation.callbacks(state, None)], strategy=cluster.strategy,
            progress=progress, told_to_end=continuation.told_to_end, most_s=continuation.every_s,
        )  # fmt: skip
        return time.perf_counter() - began_s


def main() -> None:
    """Prints the times, and the cost of the whole phase over that of the forward pass."""
    flags = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    flags.add_argument("--views", type=int, default=1000)
    flags.add_argument("--image-size-px", type=int, default=224)
    flags.add_argument("--batch-size", type=int, default=32)
    flags.add_argument("--epochs", type=int, default=30)
    flags.add_argument("--precision", default="float32", help="of the features (default: that of the forward pass)")
    flags.add_argument("--repeats", type=int, default=3)
    given = flags.parse_args()
    rng, size_px = np.random.default_rng(0), given.image_size_px
    views = rng.integers(0, 256, (given.views, size_px, size_px, 3), np.uint8)
    classifier = Classifier(TrainParameters(image_size_px=size_px), CLASSES)
    pairs = tf.data.Dataset.from_tensor_slices((views, rng.integers(0, CLASSES, given.views)))
    features = features_of(classifier, pairs, given.precision)
    seconds = median_seconds(
        {
            "forward": lambda: forward_s(classifier.features, views),
            "features": lambda: features_of(classifier, pairs, given.precision),
            "head": lambda: head_s(classifier.head, features, given.batch_size, given.epochs),
        },
        given.repeats,
    )
    print(f"one forward pass over {given.views} views {seconds['forward']:.2f} s")
    print(f"their features {seconds['features']:.2f} s, compilation included")
    print(f"{given.epochs} epochs of the head {seconds['head']:.2f} s, compilation included")
    print(f"frozen phase / forward pass {(seconds['features'] + seconds['head']) / seconds['forward']:.2f}")


if __name__ == "__main__":
    main()
