"""Two real workers that compute features: what the others learn when one is gone or told to end."""

import re
import signal
import time

import numpy as np
import pytest

from components.train.checkpoint import CheckpointFolder

pytestmark = pytest.mark.slow

ROWS = 48_000
# Each batch of 32 takes half a second: six minutes for both.
EXTRACT = """
import os, sys, time
from pathlib import Path
from types import SimpleNamespace
import tensorflow as tf
from components.train.checkpoint import CheckpointFolder
from components.train.cluster import join_cluster
from components.train.continuation import Continuation
from components.train.extraction import extract
from components.train.features import Features
from components.train.preemption import Preemption
cluster, preemption = join_cluster(os.environ), Preemption()
preemption.heed_signals()

def forward(x):
    time.sleep(0.5)
    return tf.math.sin(x)

def elements(first, last):
    Path(sys.argv[1], f"begun {cluster.worker}").touch()
    return tf.data.Dataset.range(first, last).map(lambda i: (tf.cast([i], tf.float32), i % 3))

speed = Features(None, None).speed
backbone = SimpleNamespace(forward=forward, width=1, speed=speed, stay_with=lambda kept: None)
folder = CheckpointFolder(Path(sys.argv[1]), "key")
parts = Continuation(cluster, folder, 10, preemption).parts("features")
with preemption.postponing(), cluster.losses_as_exit_status():
    extract(backbone, elements, int(sys.argv[2]), "views", cluster, parts)
"""


BETWEEN = """
import os, sys, time
from pathlib import Path
from components.train.cluster import join_cluster
from components.train.continuation import Continuation
from components.train.preemption import Preemption
cluster, preemption = join_cluster(os.environ), Preemption()
preemption.heed_signals()
continuation = Continuation(cluster, preemption=preemption)
with preemption.postponing():
    while True:
        continuation.end_if_told()
        Path(sys.argv[1], f"begun {cluster.worker}").touch()
        time.sleep(0.1)
"""


@pytest.fixture(params=[EXTRACT])
def workers(request, tmp_path, start_workers):
    """Two processes in the midst of their features, or of what the parameter is."""
    processes = start_workers(request.param, tmp_path, str(ROWS))
    while not all((tmp_path / f"begun {index}").exists() for index in range(2)):
        assert all(process.poll() is None for process in processes), processes[0].communicate()
        time.sleep(0.1)
    time.sleep(3)  # the first batch was a stretch of its own
    return processes


@pytest.mark.parametrize(("lost", "name"), [(1, "worker 1"), (0, "chief 0")])
def test_a_lost_worker_ends_the_other_within_a_minute(workers, lost, name):
    workers[lost].kill()
    killed_s = time.monotonic()
    _, said = workers[1 - lost].communicate(timeout=120)
    assert workers[1 - lost].returncode == 138, said
    assert time.monotonic() - killed_s < 60
    message = rf"error: expected 2 workers to train together, lost {name} \(127\.0\.0\.1:\d+\) \(.+\)"
    # Not always the last line: TensorFlow's pool of threads may complain when Python has closed its pipe.
    assert any(re.match(message, line) for line in said.splitlines()), said


def test_told_to_end_both_do_when_what_they_have_is_kept(workers, tmp_path):
    workers[1].send_signal(signal.SIGTERM)
    for process in workers:
        _, said = process.communicate(timeout=120)
        assert process.returncode == 143, said
    folder = CheckpointFolder(tmp_path, "key")
    [part] = [folder.kept(part) for part in folder.parts("features")]
    assert 0 < len(part.labels) < ROWS
    assert part.labels.tolist() == (np.arange(len(part.labels)) % 3).tolist()


@pytest.mark.parametrize("workers", [BETWEEN], indirect=True, ids=["between"])
def test_told_to_end_between_steps_both_do(workers):
    workers[1].send_signal(signal.SIGTERM)
    for process in workers:
        _, said = process.communicate(timeout=60)
        assert process.returncode == 143, said
        assert "train: told to end (SIGTERM). No step was under way: " in said
