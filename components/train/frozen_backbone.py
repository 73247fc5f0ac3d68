"""The frozen backbone, compiled for inference in the precision that is set, or fastest here."""

import time
from collections.abc import Callable
from functools import cached_property

import tensorflow as tf

from components._progress import say
from components.train.classifier import Classifier
from components.train.cluster import Cluster
from components.train.inference import compiled
from components.train.speed import BUDGET, Computation, Precision, Run, Speed, candidates, fastest
from components.train.trial_steps import FAILURES, agreed, computes_bfloat16, computes_float16

BATCH_SIZE = 32
# So few batches are done before trying anything would pay.
_FEW_BATCHES = 20
# Share of the time that tries may take where the device has units for bfloat16, which save about half of it.
_BUDGET_WITH_UNITS = 0.5

Forward = Callable[[tf.Tensor], tf.Tensor]


class FrozenBackbone:
    """Computes a classifier's features with its weights as they are when it is first asked.

    Args:
        classifier: Whose backbone is frozen; it computes in float32 again afterwards.
        precision: That of `TrainParameters`.
        images: About how many features there are to compute, which decides whether trying out precisions pays.
        cluster: All of whose workers make one, and ask it, together.

    Attributes:
        width: Number of features.
        speed: What was chosen and why; None until it is asked.
    """

    def __init__(self, classifier: Classifier, precision: str, images: int, cluster: Cluster) -> None:
        self._classifier, self._precision, self._cluster = classifier, precision, cluster
        self._batches = images // BATCH_SIZE // cluster.workers
        self._compiled: dict[Precision, Forward] = {}
        self.width: int = classifier.features.output_shape[-1]
        self.speed: Speed | None = None

    @cached_property
    def forward(self) -> Forward:
        """From pixels uint8 [batch, size, size, 3] to features float32 [batch, width]."""
        self.speed = self._chosen()
        if self._cluster.is_chief:
            for line in self.speed.lines():
                say("train", f"features: {line}")
        return self._in(self.speed.computation.precision)

    def _chosen(self) -> Speed:
        float16, bfloat16 = computes_float16(self._cluster), computes_bfloat16(self._cluster)
        options = candidates(self._precision, "off", float16=float16, compiles=False)
        if len(options) > 1 and self._batches < _FEW_BATCHES:
            return Speed(options[0], "too few images for trying others to pay")
        return fastest(options, self._begin, self._batches, FAILURES, _BUDGET_WITH_UNITS if bfloat16 else BUDGET)

    def _begin(self, computation: Computation) -> Run:
        shape = BATCH_SIZE, *self._classifier.features.input_shape[1:]
        pixels = tf.cast(tf.random.stateless_uniform(shape, (0, 0), maxval=256), tf.uint8)

        def run(number: int) -> float:
            began_s = time.perf_counter()
            for _ in range(number):
                self._in(computation.precision)(pixels).numpy()
            return float(agreed(time.perf_counter() - began_s, self._cluster))

        return run

    def _in(self, precision: Precision) -> Forward:
        if precision not in self._compiled:
            self._classifier.compute_in(precision)
            self._compiled[precision] = compiled(self._classifier.features)
            self._classifier.compute_in("float32")
        return self._compiled[precision]
