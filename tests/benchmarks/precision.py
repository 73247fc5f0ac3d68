"""What choosing precision and compilation brings: fine-tuning steps as they are chosen, against plain float32.

All ways are tried, however long a phase would have to be for that to pay. What is chosen and what is plain are then
measured again, in turns: the figures that a choice rests on can't tell whether it was right.

    python -m tests.benchmarks.precision [--backbones efficientnet_lite0 mobilenet_v2] [--image-size-px 224]
                                         [--batch-size 32] [--steps 5] [--repeats 5]
"""

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import keras
import tensorflow as tf

from components.train.classifier import Classifier
from components.train.cluster import join_cluster
from components.train.parameters import SizedParameters
from components.train.phase_steps import StepChooser
from components.train.speed import Computation
from components.train.trial_steps import random_batches, timed
from tests.benchmarks.timing import median_seconds

CLASSES = 9


@dataclass(frozen=True)
class Endless:
    """As much of a phase as choosing its steps takes."""

    model: keras.Model
    batches: tf.data.Dataset
    name: str = "finetune"
    epochs: int = 1000
    steps: int = sys.maxsize

    def train(self, first: int) -> tf.data.Dataset:  # noqa: ARG002 - as a phase is asked
        return self.batches

    def finished(self, x: tf.Tensor) -> tf.Tensor:
        return x


def cross_entropy(labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    return tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)


def times_as_fast(parameters: SizedParameters, steps: int, repeats: int) -> tuple[Computation, float]:
    """Chooses how a backbone's steps are computed; returns that, and how many times as fast as plain ones they are."""
    cluster = join_cluster({})
    classifier = Classifier(parameters, CLASSES)
    classifier.unfreeze(parameters.finetune_layers)
    optimizer = keras.optimizers.Adam()
    optimizer.build(classifier.model.trainable_variables)
    shape = parameters.batch_size, parameters.image_size_px, parameters.image_size_px, 3
    batches = random_batches((tf.TensorSpec(shape, tf.uint8), tf.TensorSpec(shape[:1], tf.int64)), CLASSES)
    phase = Endless(classifier.model, batches)

    def prepared(of: SizedParameters) -> tuple[Callable[[], float], Computation]:
        found = StepChooser(of, classifier, CLASSES, cluster).steps(phase, optimizer, cross_entropy)
        run = timed(found.run, batches, cluster)
        run(1)  # while the classifier computes in their precision
        return partial(run, steps), found.speed.computation

    chosen, computation = prepared(parameters)
    plain, _ = prepared(parameters.model_copy(update={"precision": "float32", "xla": "off"}))
    seconds = median_seconds({"plain": plain, "chosen": chosen}, repeats)
    return computation, seconds["plain"] / seconds["chosen"]


def main() -> None:
    flags = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    flags.add_argument("--backbones", nargs="+", default=["efficientnet_lite0", "mobilenet_v2"])
    flags.add_argument("--weights", default="none", help="steps take as long with any (default: none)")
    flags.add_argument("--image-size-px", type=int, default=224)
    flags.add_argument("--batch-size", type=int, default=32)
    flags.add_argument("--xla", default="auto", help="off leaves XLA out (default: auto)")
    flags.add_argument("--steps", type=int, default=5)
    flags.add_argument("--repeats", type=int, default=5)
    given = flags.parse_args()
    for backbone in given.backbones:
        parameters = SizedParameters(
            backbone=backbone,
            weights=given.weights,
            image_size_px=given.image_size_px,
            batch_size=given.batch_size,
            xla=given.xla,
        )
        computation, ratio = times_as_fast(parameters, given.steps, given.repeats)
        print(f"{backbone}: {computation}, {ratio:.2f} times as fast as plain float32", flush=True)


if __name__ == "__main__":
    main()
