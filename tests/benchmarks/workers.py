"""What a second worker brings: two pinned to a core each, against twice the speed of one pinned to one.

Each worker fine-tunes the default backbone, on one core and one thread, with the same number of images in its part of a
batch: as many as the default batch has. What counts is the images per second in the steps of the last epoch, which
compiles nothing.

    python -m tests.benchmarks.workers [--image-size-px 224] [--images-per-worker 32] [--steps 6] [--repeats 3]
"""

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from components.train.parameters import TrainParameters
from tests.benchmarks.augmentation import make

CORES = (0, 1)
EPOCHS = 2


def work(folder: Path, image_size_px: int, batch_size: int) -> None:
    """Trains in this process, with one thread for each kind of work; the chief prints images per second."""
    import tensorflow as tf  # noqa: PLC0415 - its threads are set before it starts them

    from components.train.cluster import join_cluster  # noqa: PLC0415
    from components.train.input_pipeline import read_images  # noqa: PLC0415
    from components.train.training import Trainer  # noqa: PLC0415
    from tests.benchmarks.loop import Clock  # noqa: PLC0415

    tf.config.threading.set_inter_op_parallelism_threads(1)
    tf.config.threading.set_intra_op_parallelism_threads(1)
    cluster, images = join_cluster(os.environ), read_images(folder / "examples", image_size_px)
    parameters = TrainParameters(
        image_size_px=image_size_px,
        batch_size=batch_size,
        head_epochs=0,
        finetune_epochs=EPOCHS,
        patience=EPOCHS,
        precision="float32",  # the same for one and two, whatever would be measured
        xla="off",
    )
    clock = Clock()
    Trainer(parameters, images, images, cluster, callbacks=[clock]).train()
    if cluster.is_chief:
        print(clock.params["steps"] * batch_size / clock.seconds)


def images_per_s(folder: Path, flags: argparse.Namespace, workers: int) -> float:
    """Starts workers, each on its core, and returns what the chief measured."""
    addresses = [f"127.0.0.1:{free_port()}" for _ in range(workers)]
    command = [sys.executable, "-m", "tests.benchmarks.workers", "--work-in", str(folder)]
    command += ["--image-size-px", str(flags.image_size_px), "--batch-size", str(flags.images_per_worker * workers)]
    processes = []
    for index in range(workers):
        config = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
        environment = os.environ | {"TF_CONFIG": json.dumps(config)}
        processes.append(subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True))
        os.sched_setaffinity(processes[-1].pid, {CORES[index]})
    said = [process.communicate()[0] for process in processes]
    if any(process.returncode for process in processes):
        raise RuntimeError(f"a worker failed: {said}")
    return float(said[0].splitlines()[-1])


def free_port() -> int:
    """Returns a port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def main() -> None:
    """Measures one and two in turn and prints the ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--image-size-px", type=int, default=224)
    parser.add_argument("--images-per-worker", type=int, default=TrainParameters().batch_size)
    parser.add_argument("--steps", type=int, default=6, help="of an epoch of two workers; one takes twice as many")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--work-in", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--batch-size", type=int, help=argparse.SUPPRESS)
    flags = parser.parse_args()
    if flags.work_in:
        work(flags.work_in, flags.image_size_px, flags.batch_size)
        return
    rates: dict[int, list[float]] = {1: [], 2: []}
    with tempfile.TemporaryDirectory() as folder:
        make(Path(folder), flags.steps * flags.images_per_worker * 2)
        for _ in range(flags.repeats):
            for workers, measured in rates.items():
                measured.append(images_per_s(Path(folder), flags, workers))
    one, two = (statistics.median(measured) for measured in rates.values())
    print(f"one worker  {one:7.1f} images/s {rates[1]}")
    print(f"two workers {two:7.1f} images/s {rates[2]}")
    print(f"two / twice one {two / (2 * one):.3f}")


if __name__ == "__main__":
    main()
