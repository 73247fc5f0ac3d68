"""The frozen backbone, compiled for inference in the precision that is set, or fastest here."""

import time
from collections.abc import Callable
from math import inf, isinf

import numpy as np
import tensorflow as tf

from components._progress import say
from components.train.classifier import Classifier
from components.train.cluster import Cluster
from components.train.inference import compiled
from components.train.speed import BUDGET, Computation, Precision, Run, Speed, candidates, fastest
from components.train.trial_steps import FAILURES, computes_bfloat16, computes_float16

BATCH_SIZE = 32
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
        between: Called between tries; all workers call it together.

    Attributes:
        width: Number of features.
    """

    def __init__(
        self,
        classifier: Classifier,
        precision: str,
        images: int,
        cluster: Cluster,
        between: Callable[[], None] = lambda: None,
    ) -> None:
        self._classifier, self._precision, self._cluster, self._between = classifier, precision, cluster, between
        self._batches = images // BATCH_SIZE // cluster.workers
        self._compiled: dict[Precision, Forward] = {}
        self.width: int = classifier.features.output_shape[-1]
        self._kept: Speed | None = None

    def stay_with(self, speed: Speed) -> None:
        """Computes from now on as it was computed before, whatever may be faster now."""
        self._kept = speed

    @property
    def forward(self) -> Forward:
        """From pixels uint8 [batch, size, size, 3] to features float32 [batch, width]."""
        return self._in(self.speed.computation.precision)

    @property
    def speed(self) -> Speed:
        """What was chosen, and why; chosen when it is first asked for."""
        if self._kept is None:
            self._kept = self._chosen()
            for line in self._kept.lines() if self._cluster.is_chief else ():
                say("train", f"features: {line}")
        return self._kept

    def _chosen(self) -> Speed:
        options = candidates(self._precision, "off", float16=computes_float16(self._cluster), compiles=False)
        budget = _BUDGET_WITH_UNITS if computes_bfloat16(self._cluster) else BUDGET
        return fastest(options, self._begin, self._batches, FAILURES, budget)

    def _begin(self, computation: Computation) -> Run:
        shape = BATCH_SIZE, *self._classifier.features.input_shape[1:]
        pixels = tf.cast(tf.random.stateless_uniform(shape, (0, 0), maxval=256), tf.uint8)

        def run(number: int) -> float:
            """Takes as long as the slowest worker; where one fails, so do all, lest they wait for each other."""
            self._between()
            seconds, failure = np.zeros(self._cluster.workers), None
            began_s = time.perf_counter()
            try:
                for _ in range(number):
                    features = self._in(computation.precision)(pixels).numpy()
                if computation.precision != "float32" and not np.isfinite(features).all():
                    raise tf.errors.InvalidArgumentError(None, None, "features are not finite")
            except FAILURES as error:
                failure = error
            seconds[self._cluster.worker] = inf if failure else time.perf_counter() - began_s
            slowest_s = float(self._cluster.combined(seconds).max())
            if isinf(slowest_s):
                raise failure or tf.errors.UnimplementedError(None, None, "another worker can't")
            return slowest_s

        return run

    def _in(self, precision: Precision) -> Forward:
        if precision not in self._compiled:
            self._classifier.compute_in(precision)
            try:
                self._compiled[precision] = compiled(self._classifier.features)
            finally:
                self._classifier.compute_in("float32")
        return self._compiled[precision]
