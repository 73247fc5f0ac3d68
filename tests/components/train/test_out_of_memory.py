"""What is said when a training step does not fit into memory, with a limit that the system enforces."""

import json
import re
import subprocess
import sys

import pytest
import tensorflow as tf

from components._errors import InputError
from components.train import batch_trials, out_of_memory
from components.train.batch_size import Attempt
from components.train.batch_trials import batch_with_room, is_lack_of_memory
from components.train.classifier import Classifier
from components.train.cluster import Cluster
from components.train.out_of_memory import answered
from components.train.parameters import SizedParameters

ALONE_HERE = Cluster(tf.distribute.get_strategy())

# The limit comes after the model has been built: it is the step that is to lack memory.
TRAIN = """
import re, resource, sys
from pathlib import Path
from components.train.cluster import join_cluster
from components.train.input_pipeline import read_images
from components.train import training
from components.train.parameters import TrainParameters

training.check_memory = lambda *_: None  # which has not foreseen it
parameters = TrainParameters(
    backbone="baseline_cnn", image_size_px=512, batch_size=64, augmentation="none", head_epochs=1, finetune_epochs=0
)
images = read_images(Path(sys.argv[1]) / "train", 512)
validation = read_images(Path(sys.argv[1]) / "validation", 512, images.dataset.class_names)
trainer = training.Trainer(parameters, images, validation, join_cluster({}))
size_bytes = 1024 * int(re.search(r"VmSize:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
resource.setrlimit(resource.RLIMIT_AS, (size_bytes + 2_000_000_000,) * 2)
try:
    trainer.train()
except ValueError as error:
    print(type(error).__name__, error)
"""


@pytest.mark.slow
def test_a_batch_that_is_too_large(datasets):
    done = subprocess.run([sys.executable, "-c", TRAIN, datasets], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    said = done.stdout.splitlines()[-1]
    assert said.startswith("InputError scratch: expected memory for training steps of 64 images; it ran out (")
    assert said.endswith(
        "Try half as many: set batch_size=32, or batch_size=auto, or lower image_size_px or finetune_layers."
    )


# Whatever the machine has, so many bytes more are left than what is taken.
LITTLE_LEFT = """
import json, sys
from pathlib import Path
from components.train import batch_trials
from components.train.cluster import join_cluster
from components.train.input_pipeline import read_images
from components.train.memory import taken_bytes
from components.train.parameters import TrainParameters
from components.train.training import Trainer

before = []

def available_bytes():
    before.append(taken_bytes())
    return 400_000_000

batch_trials.available_bytes = available_bytes
parameters = TrainParameters(
    backbone="baseline_cnn", image_size_px=128, augmentation="none", head_epochs=1, finetune_epochs=0,
    batch_size=json.loads(sys.argv[2]),
)
images = read_images(Path(sys.argv[1]) / "train", 128)
validation = read_images(Path(sys.argv[1]) / "validation", 128, images.dataset.class_names)
try:
    Trainer(parameters, images, validation, join_cluster({})).train()
    print(json.dumps({"more_bytes": taken_bytes() - before[0]}))
except ValueError as error:
    print(type(error).__name__, error)
"""


@pytest.mark.slow
def test_a_batch_that_would_not_fit_is_refused_before_training_and_the_named_one_fits(datasets):
    def trained(batch_size: int) -> list[str]:
        command = [sys.executable, "-c", LITTLE_LEFT, datasets, str(batch_size)]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()

    said = trained(512)
    assert said[0] == "train: 0.4 GB of memory may be too few for batches of 512 images: taking steps of fewer to tell"
    refused = re.fullmatch(
        "InputError batch_size: expected memory for training steps of 512 images; they would take more than there is. "
        r"(\d+) images fit: set batch_size=\1, or batch_size=auto, or lower image_size_px or finetune_layers.",
        said[1],
    )
    assert refused, said
    assert 2 <= int(refused[1]) <= 32
    assert json.loads(trained(int(refused[1]))[-1])["more_bytes"] < 440_000_000


@pytest.fixture
def measured(monkeypatch):
    """Puts made-up steps in the place of real ones; returns their sizes and precisions as they come."""
    seen = []

    def attempt(model, _, __, ___, size: int) -> Attempt:
        seen.append((size, model.get_layer("baseline_cnn").get_layer("conv1").compute_dtype))
        return Attempt(size, 1.0, 1000 + 100 * size)

    monkeypatch.setattr(batch_trials, "_attempt", attempt)
    monkeypatch.setattr(batch_trials, "taken_bytes", lambda: 4999)
    return seen


@pytest.mark.parametrize(("precision", "computed_in"), [("auto", "float32"), ("mixed_bfloat16", "bfloat16")])
def test_steps_are_judged_in_the_precision_that_is_set(measured, monkeypatch, precision, computed_in):
    monkeypatch.setattr(batch_trials, "available_bytes", lambda: 1)
    parameters = SizedParameters(
        backbone="baseline_cnn", image_size_px=32, precision=precision, batch_size=64, finetune_epochs=0
    )
    classifier = Classifier(parameters, 3)
    assert batch_with_room(parameters, classifier, 3, ALONE_HERE) == 32
    assert measured == [(size, computed_in) for size in (1, 2, 4, 8, 16, 32)]
    assert classifier.model.get_layer("baseline_cnn").get_layer("conv1").compute_dtype == "float32"


@pytest.mark.parametrize("available", [None, 10**12], ids=["not known", "enough"])
def test_where_there_is_enough_or_nobody_knows_nothing_is_tried(measured, monkeypatch, available):
    monkeypatch.setattr(batch_trials, "available_bytes", lambda: available)
    parameters = SizedParameters(backbone="baseline_cnn", image_size_px=32, batch_size=64)
    assert batch_with_room(parameters, Classifier(parameters, 3), 3, ALONE_HERE) == 64
    assert not measured


# The chief waits inside an exchange, as for a worker whose step has failed; five images a replica are too many.
ALONE = """
import json, os, sys
import tensorflow as tf
from components.train import batch_trials
from components.train.classifier import Classifier
from components.train.cluster import join_cluster
from components.train.parameters import TrainParameters

cluster = join_cluster(os.environ)
with cluster.strategy.scope():
    classifier = Classifier(TrainParameters(backbone="baseline_cnn", image_size_px=32), 3)
before = [each.numpy() for each in classifier.model.variables]
if cluster.is_chief:
    with cluster.losses_as_exit_status():
        cluster.from_chief(b"")
attempt = batch_trials._attempt

def short_of_memory(model, spec, classes, cluster, batch_size):
    if batch_size > 4:
        raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor")
    return attempt(model, spec, classes, cluster, batch_size)

batch_trials.has_gpu, batch_trials._attempt = lambda: True, short_of_memory
found = batch_trials.largest_batch(classifier.model, 3, cluster, 16)
same = all((each.numpy() == value).all() for each, value in zip(classifier.model.variables, before))
print(json.dumps({"found": found, "same": same}))
"""


@pytest.mark.slow
def test_a_worker_finds_the_batch_that_fits_while_the_others_wait(start_workers):
    chief, worker = start_workers(ALONE)
    told, said = worker.communicate(timeout=120)
    assert worker.returncode == 0, said
    assert json.loads(told.splitlines()[-1]) == {"found": 8, "same": True}
    _, said = chief.communicate(timeout=60)
    assert chief.returncode == 138, said
    assert "lost worker 1" in said


def exhausted() -> None:
    raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor")


@pytest.fixture
def fitting(monkeypatch):
    """Sets which batch fits; returns a list of what happens."""

    def set_to(found: int | None) -> list[str]:
        happened = []

        def largest(_, __, ___, most: int) -> int | None:
            happened.append(f"tried from {most} on")
            return found

        monkeypatch.setattr(out_of_memory, "largest_batch", largest)
        return happened

    return set_to


def test_the_largest_batch_that_fits_is_named(fitting):
    happened = fitting(24)
    with (
        pytest.raises(InputError) as refused,
        answered("head", None, 3, 100, ALONE_HERE, lambda: happened.append("forgotten")),
    ):
        exhausted()
    assert happened == ["forgotten", "tried from 50 on"]
    assert str(refused.value) == (
        "head: expected memory for training steps of 100 images; it ran out (ResourceExhaustedError). 24 images fit: "
        "set batch_size=24, or batch_size=auto, or lower image_size_px or finetune_layers."
    )


def test_half_is_proposed_where_trying_would_do_harm(fitting):
    fitting(None)
    with (
        pytest.raises(InputError, match="Try half as many: set batch_size=50, or batch_size=auto"),
        answered("head", None, 3, 100, ALONE_HERE, lambda: None),
    ):
        exhausted()


def test_nothing_smaller_is_left():
    with (
        pytest.raises(InputError, match="choose a smaller backbone"),
        answered("head", None, 3, 1, ALONE_HERE, lambda: None),
    ):
        exhausted()


def test_what_onednn_says_without_memory():
    text = (
        "Compute received an exception:Status: 1, message: could not create a primitive, in file mkl_maxpooling_op.cc"
    )
    assert is_lack_of_memory(tf.errors.AbortedError(None, None, text))
    assert not is_lack_of_memory(tf.errors.AbortedError(None, None, "Collective ops is aborted by: Status: 14"))


def test_other_errors_pass():
    with pytest.raises(tf.errors.InvalidArgumentError), answered("head", None, 3, 32, ALONE_HERE, lambda: None):
        tf.constant([1.0, 2.0]) + tf.constant([1.0, 2.0, 3.0])
