"""Two devices of one machine train together; as devices, halves of its processor, in a process of their own."""

import json
import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow

TRAIN = """
import json, os, sys
from pathlib import Path
import tensorflow as tf
devices = sys.argv[3].split()
[processor] = tf.config.list_physical_devices("CPU")
tf.config.set_logical_device_configuration(processor, [tf.config.LogicalDeviceConfiguration()] * len(devices))
from components.train import deferred
from components.train.cluster import Cluster
from components.train.input_pipeline import read_images
from components.train.parameters import TrainParameters
from components.train.training import Trainer
deferred.has_gpu = lambda: "LIKE_GPUS" in os.environ
parameters = TrainParameters(**json.loads(sys.argv[1]), image_size_px=32, batch_size=8, dropout=0, seed=5)
images = [read_images(Path(sys.argv[2]) / name, 32) for name in ("train", "validation")]
result = Trainer(parameters, *images, Cluster(tf.distribute.MirroredStrategy(devices))).train()
statistics = {v.path: v.numpy().tolist() for v in result.model.variables if "conv1_bn/moving" in v.path}
print(json.dumps({"history": result.history, "statistics": statistics}))
"""


def train(datasets, devices: str, environment: dict[str, str] | None = None, **parameters) -> dict:
    """Returns the history, and the statistics of the first batch normalization of the baseline."""
    environment = os.environ | (environment or {})
    command = [sys.executable, "-c", TRAIN, json.dumps(parameters), datasets, devices]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300, env=environment)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("extra", [{}, {"imbalance": "balanced_sampling", "mixup_alpha": 0.4, "cutmix_alpha": 1.0}])
def test_two_replicas_measure_what_one_measures(datasets, extra):
    parameters = {"head_epochs": 2, "finetune_epochs": 1, "finetune_layers": 4, "head_schedule": "constant"} | extra
    alone, together = (train(datasets, devices, **parameters)["history"] for devices in ("CPU:0", "CPU:0 CPU:1"))
    measured = ("phase", "epoch", "loss", "accuracy", "val_loss", "val_accuracy", "val_macro_f1", "learning_rate")
    assert [row["phase"] for row in alone] == ["head", "head", "finetune"]
    for row, expected in zip(together, alone, strict=True):
        assert {name: row[name] for name in measured} == pytest.approx({n: expected[n] for n in measured}, abs=1e-3)


def test_two_replicas_change_their_own_images(datasets):
    """As GPUs do: what a replica makes of its half of a batch is what one makes of it that has the whole."""
    parameters = {"head_epochs": 1, "finetune_epochs": 2, "finetune_layers": 4, "mixup_alpha": 0.4, "cutmix_alpha": 1.0}
    parameters |= {"augmentation": "light"}
    alone = train(datasets, "CPU:0", **parameters)["history"]
    together = train(datasets, "CPU:0 CPU:1", {"LIKE_GPUS": "1"}, **parameters)["history"]
    for row, expected in zip(together, alone, strict=True):
        assert row["loss"] == pytest.approx(expected["loss"], abs=1e-3)
        assert row["val_loss"] == pytest.approx(expected["val_loss"], abs=1e-3)


def test_from_scratch_with_two_replicas(datasets):
    """Each replica has its batch's statistics; what is kept is their mean."""
    parameters = {"backbone": "baseline_cnn", "head_epochs": 2, "head_schedule": "plateau", "finetune_epochs": 0}
    answer = train(datasets, "CPU:0 CPU:1", **parameters)
    assert [row["phase"] for row in answer["history"]] == ["scratch", "scratch"]
    mean, variance = answer["statistics"]["conv1_bn/moving_mean"], answer["statistics"]["conv1_bn/moving_variance"]
    assert any(mean)
    assert all(0 < value != 1 for value in variance)
