"""Batch sizes tried out with real training steps of the phase that takes the most memory.

Images come as the model takes them: what a GPU does to them before has given its memory back by the time that a step
takes the most.
"""

from collections.abc import Callable

import keras
import tensorflow as tf

from components.train.batch_size import LARGEST, LARGEST_OF_UNKNOWN_MEMORY, Attempt, BatchSize, Search
from components.train.classifier import Classifier
from components.train.cluster import Cluster, has_gpu
from components.train.memory import available_bytes, forget_peak, taken_bytes
from components.train.parameters import TrainParameters
from components.train.steps import train_steps
from components.train.trial_steps import agreed, random_batches, timed, unchanged

_NO_MEMORY_FOR_ZEROS = "Cannot parse tensor from proto"  # all that TensorFlow says where a constant found none
_TURNS = 3


def fastest_batch(
    parameters: TrainParameters,
    classifier: Classifier,
    classes: int,
    cluster: Cluster,
    rows: int,
    between: Callable[[], None] = lambda: None,
) -> BatchSize:
    """Returns the batch size that `batch_size: auto` stands for; all workers must call this together.

    Args:
        parameters: Tell what will be trained.
        classifier: What learns; comes back as it was, with the layers frozen that its first phase freezes.
        classes: Number of classes.
        cluster: This process's place among the workers.
        rows: Training images.
        between: Called before each batch size that is tried; all workers call it together.

    Raises:
        InputError: If not even one image a replica fits into memory.
    """
    from_images = parameters.finetune_epochs > 0 or not classifier.pretrained
    search = _search(classifier.model if from_images else classifier.head, classes, cluster, between)
    limit = LARGEST if has_gpu() or search.room_bytes else LARGEST_OF_UNKNOWN_MEMORY
    if parameters.finetune_epochs:
        classifier.unfreeze(parameters.finetune_layers)
    try:
        return search.fastest(rows, limit)
    finally:
        classifier.unfreeze(0)


def largest_batch(
    model: keras.Model, classes: int, cluster: Cluster, most: int, between: Callable[[], None] = lambda: None
) -> int | None:
    """Returns the largest batch that fits, of this size, its half and so on, after a larger one did not.

    Args:
        model: What learns; comes back as it was.
        classes: Number of classes.
        cluster: This process's place.
        most: To begin with; at least one image a replica.
        between: Called before each batch size that is tried.

    Returns:
        None where trying could end worse: other workers would wait for this one in vain, and on a CPU, TensorFlow's
        convolutions crash where they can't have memory.

    Raises:
        InputError: If not even one image a replica fits.
    """
    return _search(model, classes, cluster, between).largest(most) if cluster.workers == 1 and has_gpu() else None


def is_lack_of_memory(error: Exception) -> bool:
    """Says whether a training step failed because it found no memory."""
    disguised = isinstance(error, tf.errors.InvalidArgumentError) and _NO_MEMORY_FOR_ZEROS in str(error)
    return disguised or isinstance(error, (tf.errors.ResourceExhaustedError, MemoryError))


def _search(model: keras.Model, classes: int, cluster: Cluster, between: Callable[[], None] = lambda: None) -> Search:
    replicas = cluster.strategy.num_replicas_in_sync

    def attempt(batch_size: int) -> Attempt | None:
        between()
        own = batch_size // replicas
        x = tf.TensorSpec([own, *model.input.shape[1:]], model.input.dtype)
        try:
            return _attempt(model, (x, tf.TensorSpec([own], tf.int64)), classes, cluster, batch_size)
        except (tf.errors.OpError, MemoryError) as error:
            if not is_lack_of_memory(error):
                raise
            return None

    return Search(attempt, replicas, agreed(_room_bytes(), cluster))


def _attempt(
    model: keras.Model, spec: tuple[tf.TensorSpec, tf.TensorSpec], classes: int, cluster: Cluster, batch_size: int
) -> Attempt:
    with cluster.strategy.scope():
        optimizer = keras.optimizers.Adam()
        optimizer.build(model.trainable_variables)
    forget_peak()
    with unchanged(model.variables):
        steps = train_steps(model, optimizer, _cross_entropy, cluster.strategy)
        run = timed(steps, random_batches(spec, classes), cluster)
        run(1)  # compiles
        step_s = min(run(1) for _ in range(_TURNS))
    taken = agreed(None if has_gpu() else taken_bytes(), cluster)
    return Attempt(batch_size, float(f"{batch_size / step_s:.4g}"), taken)


def _cross_entropy(labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    return tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)


def _room_bytes() -> int | None:
    """Returns what the process may hold in all; of a GPU, whose memory TensorFlow shares out, only trying tells."""
    forget_peak()
    available, taken = available_bytes(), taken_bytes()
    return None if has_gpu() or available is None or taken is None else available + taken
