"""A phase's steps tried out, on a batch that stays in memory, without leaving a trace in what learns."""

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from components.train.checkpointing import assign
from components.train.cluster import Cluster
from components.train.loop import distributed
from components.train.speed import Run
from components.train.steps import TrainSteps

# What is raised where a device can't compute in some way, or lacks the memory to.
FAILURES = (
    tf.errors.InvalidArgumentError,
    tf.errors.UnimplementedError,
    tf.errors.NotFoundError,
    tf.errors.InternalError,
    tf.errors.ResourceExhaustedError,
    TypeError,  # when a layer is traced that mixes precisions
    ValueError,
)
# Compute capability of the first GPUs with units for products of float16 matrices, Volta; of bfloat16, Ampere.
_FLOAT16_CAPABILITY, _BFLOAT16_CAPABILITY = 7, 8
_CPU_FACTS = Path("/proc/cpuinfo")
_BFLOAT16_FLAGS = {"amx_bf16", "avx512_bf16"}  # Intel's tiles; vectors of AMD since Zen 4, and of Intel


@contextmanager
def unchanged(variables: Sequence[keras.Variable]) -> Iterator[None]:
    """Gives variables, in the end, the bits that they had: weights, statistics, states of random generators."""
    values = [keras.ops.convert_to_numpy(variable) for variable in variables]
    try:
        yield
    finally:
        assign(variables, values)


def random_batches(spec: tuple[Any, tf.TensorSpec], classes: int) -> tf.data.Dataset:
    """Returns one random batch (x, label) without end: steps take as long on any numbers.

    Args:
        spec: Of the batches that it stands for, of fixed shapes.
        classes: Number of classes.
    """
    rng = np.random.default_rng(0)
    x, labels = spec

    def values(of: tf.TensorSpec) -> tf.Tensor:
        """Returns coins, pixels, or numbers in [0, 1): features, and shares of what is mixed."""
        if of.dtype.is_bool or of.dtype.is_integer:
            return tf.cast(rng.integers(0, 2 if of.dtype.is_bool else 256, of.shape), of.dtype)
        return tf.cast(rng.random(of.shape), of.dtype)

    of_class = rng.integers(0, classes, labels.shape[0])
    shares_or_class = np.eye(classes)[of_class] if labels.shape.rank == 2 else of_class
    batch = tf.nest.map_structure(values, x), tf.cast(shares_or_class, labels.dtype)
    return tf.data.Dataset.from_tensors(batch).repeat()


def timed(steps: TrainSteps, batches: tf.data.Dataset, cluster: Cluster) -> Run:
    """Returns what runs steps and tells their time, as the chief measures it.

    Args:
        steps: Of the training.
        batches: Endless, for one replica each.
        cluster: All of whose workers call what is returned together.
    """
    endless = distributed(batches, cluster.strategy)

    def run(number: int) -> float:
        began_s = time.perf_counter()
        steps(endless, number, np.zeros(2, np.float32))
        return float(agreed(time.perf_counter() - began_s, cluster))

    return run


def agreed(value: Any, cluster: Cluster) -> Any:  # noqa: ANN401 - whatever JSON holds
    """Returns the chief's value, for all workers to draw the same conclusions; they call this together."""
    return json.loads(cluster.from_chief(json.dumps(value).encode()))


def computes_float16(cluster: Cluster) -> bool:
    """Says whether all of the chief's GPUs gain from float16; without any, it only costs."""
    capability = _least_capability()
    return bool(agreed(capability is not None and capability >= _FLOAT16_CAPABILITY, cluster))


def computes_bfloat16(cluster: Cluster) -> bool:
    """Says whether the chief's GPUs, or without any its CPU, have units for products of bfloat16 matrices."""
    capability = _least_capability()
    if capability is None:
        has_units = _CPU_FACTS.is_file() and not _BFLOAT16_FLAGS.isdisjoint(_CPU_FACTS.read_text().split())
    else:
        has_units = capability >= _BFLOAT16_CAPABILITY
    return bool(agreed(has_units, cluster))


def _least_capability() -> int | None:
    """Returns the first number of the GPUs' least compute capability, None without any."""
    details = [tf.config.experimental.get_device_details(gpu) for gpu in tf.config.list_physical_devices("GPU")]
    return min((found.get("compute_capability", (0, 0))[0] for found in details), default=None)
