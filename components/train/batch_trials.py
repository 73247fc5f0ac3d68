"""Batch sizes tried out with real training steps of the phase that takes the most memory.

Images come as the model takes them: what a GPU does to them before has given its memory back by the time that a step
takes the most.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import keras
import numpy as np
import tensorflow as tf

from components._progress import say
from components.train.batch_size import LARGEST, LARGEST_OF_UNKNOWN_MEMORY, SHARE_OF_MEMORY, Attempt, BatchSize, Search
from components.train.classifier import Classifier
from components.train.cluster import Cluster, has_gpu
from components.train.memory import available_bytes, forget_peak, taken_bytes
from components.train.parameters import SizedParameters, TrainParameters
from components.train.steps import train_steps
from components.train.trial_steps import agreed, random_batches, timed, unchanged

# All that TensorFlow says where a constant, or oneDNN (dnnl_out_of_memory), has found none.
_DISGUISES = {
    tf.errors.InvalidArgumentError: "Cannot parse tensor from proto",
    tf.errors.AbortedError: "exception:Status: 1,",
}
_TURNS = 3
# Four backbones of convolutions took up to 1.7 times as much an image as their layers' outputs, on a CPU.
_OF_ACTIVATIONS = 2
# Of a weight that learns: its gradient, and Adam's two moments, in float32.
_BYTES_OF_WEIGHT = 12


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
    learner = classifier.model if _learns_from_images(parameters, classifier) else classifier.head
    search = _search(learner, classes, cluster, between)
    limit = LARGEST if has_gpu() or search.room_bytes else LARGEST_OF_UNKNOWN_MEMORY
    with _all_that_learns(parameters, classifier):
        return search.fastest(rows, limit)


def batch_with_room(
    parameters: SizedParameters,
    classifier: Classifier,
    classes: int,
    cluster: Cluster,
    between: Callable[[], None] = lambda: None,
) -> int:
    """Returns the batch size, or the largest of its half and so on that fits where it would take more than there is.

    A process that takes more of the system's memory than there is, is killed or crashes, and can't say why. So steps of
    fewer images are tried, unless what layers return and learn leaves no doubt. On a GPU only trying tells, and a lack
    does no harm: there it is left to the steps. All workers must call this together.

    Args:
        parameters: Tell what will be trained.
        classifier: What learns; comes back as it was, with the layers frozen that its first phase freezes.
        classes: Number of classes.
        cluster: This process's place among the workers.
        between: Called before each batch size that is tried; all workers call it together.

    Raises:
        InputError: If not even one image a replica fits into memory.
    """
    available, size = _available_bytes(cluster), parameters.batch_size
    if available is None or not _learns_from_images(parameters, classifier):
        return size
    with _all_that_learns(parameters, classifier):
        of_images = _OF_ACTIVATIONS * classifier.activation_bytes() * size // cluster.workers
        of_weights = _BYTES_OF_WEIGHT * sum(
            weight.shape.num_elements() for weight in classifier.model.trainable_weights
        )
        if of_images + of_weights < SHARE_OF_MEMORY * available:
            return size
        if cluster.is_chief:
            doubt = f"{available / 1e9:.1f} GB of memory may be too few for batches of {size} images"
            say("train", f"{doubt}: taking steps of fewer to tell")
        search = _search(classifier.model, classes, cluster, between)
        return search.largest(half(size, cluster)) if search.lacks_room(size) else size


def largest_batch(model: keras.Model, classes: int, cluster: Cluster, most: int) -> int | None:
    """Returns the largest batch that fits, of this size, its half and so on, after a larger one did not.

    Where replicas share a batch, one of them tries its part on a copy of the model, and asks no other worker: they wait
    for this one inside the step that has failed.

    Args:
        model: What learns; comes back as it was.
        classes: Number of classes.
        cluster: This process's place.
        most: To begin with; at least one image a replica.

    Returns:
        None on a CPU: where TensorFlow's convolutions have found no memory, they crash the next time.

    Raises:
        InputError: If not even one image a replica fits.
    """
    if not has_gpu():
        return None
    say("train", f"memory ran out: trying which batch fits, of {most} images at most")
    replicas = cluster.strategy.num_replicas_in_sync
    copy_or_model = model if replicas == 1 else keras.models.clone_model(model)
    alone = Cluster(tf.distribute.get_strategy())
    return replicas * _search(copy_or_model, classes, alone).largest(most // replicas)


def is_lack_of_memory(error: Exception) -> bool:
    """Says whether a training step failed because it found no memory."""
    disguised = type(error) in _DISGUISES and _DISGUISES[type(error)] in str(error)
    return disguised or isinstance(error, (tf.errors.ResourceExhaustedError, MemoryError))


def half(batch_size: int, cluster: Cluster) -> int:
    """Returns half of a batch, as replicas can share it; 0 if they can't."""
    replicas = cluster.strategy.num_replicas_in_sync
    return batch_size // 2 // replicas * replicas


def _learns_from_images(parameters: TrainParameters, classifier: Classifier) -> bool:
    return parameters.finetune_epochs > 0 or not classifier.pretrained


@contextmanager
def _all_that_learns(parameters: TrainParameters, classifier: Classifier) -> Iterator[None]:
    """Unfreezes what the phase does that takes the most memory, in its precision if that is set."""
    if parameters.finetune_epochs:
        classifier.unfreeze(parameters.finetune_layers)
    if parameters.precision != "auto":
        classifier.compute_in(parameters.precision)
    try:
        yield
    finally:
        classifier.compute_in("float32")
        classifier.unfreeze(0)


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

    available, taken = _available_bytes(cluster), agreed(taken_bytes(), cluster)
    return Search(attempt, replicas, available + taken if available and taken else None)


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


def _available_bytes(cluster: Cluster) -> int | None:
    """Returns what each worker may still take, the least of all; None of GPUs, and where a system doesn't tell."""
    forget_peak()
    available = None if has_gpu() else available_bytes()
    of_workers = np.zeros(cluster.workers, np.int64)
    if available is not None:
        of_workers[cluster.worker] = max(1, available // (cluster.workers if cluster.on_one_machine else 1))
    return int(cluster.combined(of_workers).min()) or None
