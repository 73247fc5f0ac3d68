"""What choosing precision and compilation brings: each way of computing fine-tuning steps, and the one chosen, against
plain float32.

All ways are tried, however long a phase would have to be for that to pay.

    python -m tests.benchmarks.precision [--backbone efficientnet_lite0] [--image-size-px 224] [--batch-size 32]
"""

import argparse
import sys
from dataclasses import dataclass

import keras
import tensorflow as tf

from components.train.classifier import Classifier
from components.train.cluster import join_cluster
from components.train.parameters import TrainParameters
from components.train.phase_steps import StepChooser
from components.train.trial_steps import random_batches

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


def cross_entropy(labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    return tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)


def main() -> None:
    flags = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    flags.add_argument("--backbone", default="efficientnet_lite0")
    flags.add_argument("--weights", default="none", help="steps take as long with any (default: none)")
    flags.add_argument("--image-size-px", type=int, default=224)
    flags.add_argument("--batch-size", type=int, default=32)
    flags.add_argument("--xla", default="auto", help="off leaves XLA out (default: auto)")
    given = flags.parse_args()
    parameters = TrainParameters(
        backbone=given.backbone, weights=given.weights, image_size_px=given.image_size_px, xla=given.xla
    )
    classifier = Classifier(parameters, CLASSES)
    classifier.unfreeze(parameters.finetune_layers)
    optimizer = keras.optimizers.Adam()
    optimizer.build(classifier.model.trainable_variables)
    side_px = given.image_size_px
    spec = tf.TensorSpec([given.batch_size, side_px, side_px, 3], tf.uint8), tf.TensorSpec([given.batch_size], tf.int64)
    chooser = StepChooser(parameters, classifier, CLASSES, join_cluster({}))
    phase = Endless(classifier.model, random_batches(spec, CLASSES))
    speed = chooser.steps(phase, optimizer, cross_entropy).speed
    plain = speed.measured[0].ms_per_step
    [chosen] = [each.ms_per_step for each in speed.measured if each.computation == speed.computation]
    print(f"{given.backbone}: {speed.computation}, {plain / chosen:.2f} times as fast as plain float32")


if __name__ == "__main__":
    main()
