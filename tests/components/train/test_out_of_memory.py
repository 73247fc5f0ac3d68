"""What is said when a training step does not fit into memory, with a limit that the system enforces."""

import subprocess
import sys

import pytest
import tensorflow as tf

from components._errors import InputError
from components.train.out_of_memory import answered

# The limit comes after the model has been built: it is the step that is to lack memory.
TRAIN = """
import re, resource, sys
from pathlib import Path
from components.train.cluster import join_cluster
from components.train.input_pipeline import read_images
from components.train.parameters import TrainParameters
from components.train.training import Trainer

parameters = TrainParameters(
    backbone="baseline_cnn", image_size_px=512, batch_size=64, augmentation="none", head_epochs=1, finetune_epochs=0
)
images = read_images(Path(sys.argv[1]) / "train", 512)
validation = read_images(Path(sys.argv[1]) / "validation", 512, images.dataset.class_names)
trainer = Trainer(parameters, images, validation, join_cluster({}))
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


def exhausted() -> None:
    raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor")


def test_the_largest_batch_that_fits_is_named():
    asked = []
    with pytest.raises(InputError) as refused, answered("head", 100, 3, lambda most: asked.append(most) or 24):
        exhausted()
    assert asked == [48]
    assert str(refused.value) == (
        "head: expected memory for training steps of 100 images; it ran out (ResourceExhaustedError). 24 images fit: "
        "set batch_size=24, or batch_size=auto, or lower image_size_px or finetune_layers."
    )


def test_nothing_smaller_is_left():
    with pytest.raises(InputError, match="choose a smaller backbone"), answered("head", 2, 2, lambda _: None):
        exhausted()


def test_other_errors_pass():
    with pytest.raises(tf.errors.InvalidArgumentError), answered("head", 32, 1, lambda _: None):
        tf.constant([1.0, 2.0]) + tf.constant([1.0, 2.0, 3.0])
