"""Which machines train together, read from TF_CONFIG as Kubeflow's TFJob and Vertex AI set it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

import tensorflow as tf

from components._errors import InputError


@dataclass(frozen=True)
class Cluster:
    """This process's place among the workers.

    Attributes:
        strategy: Where the training runs.
        workers: Number of worker processes.
        worker: Index of this one, the chief first.
    """

    strategy: tf.distribute.Strategy
    workers: int = 1
    worker: int = 0

    @property
    def is_chief(self) -> bool:
        """Whether this process writes the outputs."""
        return self.worker == 0


def join_cluster(environment: Mapping[str, str]) -> Cluster:
    """Chooses the strategy; with several workers, waits until all of them have come.

    Must run before anything else touches TensorFlow's devices.

    Args:
        environment: `os.environ`. With `TF_CONFIG` naming more than one `chief` or `worker`, the workers
            train together (MultiWorkerMirroredStrategy); else all GPUs of this machine do
            (MirroredStrategy), or its one device does.

    Returns:
        This process's place.

    Raises:
        InputError: If TF_CONFIG is not JSON with a cluster and a task.
    """
    addresses, worker = _place(environment.get("TF_CONFIG", ""))
    if len(addresses) > 1:
        return Cluster(tf.distribute.MultiWorkerMirroredStrategy(), len(addresses), worker)
    if len(tf.config.list_physical_devices("GPU")) > 1:
        return Cluster(tf.distribute.MirroredStrategy())
    return Cluster(tf.distribute.get_strategy())


def _place(tf_config: str) -> tuple[list[str], int]:
    """Returns the workers' addresses, chief first, and this process's index among them."""
    if not tf_config:
        return [], 0
    try:
        config = json.loads(tf_config)
        chiefs, workers = config["cluster"].get("chief", []), config["cluster"].get("worker", [])
        task_type, index = config["task"]["type"], int(config["task"]["index"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            'TF_CONFIG: expected JSON such as {"cluster": {"worker": ["host:port", ...]}, "task": {"type": '
            f'"worker", "index": 0}}}}. Received: {tf_config[:200]!r} ({error!r}).'
        ) from error
    if task_type not in ("chief", "worker"):
        raise InputError(f"TF_CONFIG: expected a task of type chief or worker, received {task_type!r}.")
    peers = chiefs if task_type == "chief" else workers
    if peers and index not in range(len(peers)):
        raise InputError(f"TF_CONFIG: expected the index of one of {peers} for a {task_type}, received {index}.")
    return chiefs + workers, index + (len(chiefs) if task_type == "worker" else 0)
