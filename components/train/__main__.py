"""The container's face of train."""

import os
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from components._executor import Artifact, input_errors_as_exit_status, step_parser, write_executor_output
from components._parameters import add_flags, from_flags
from components._progress import say
from components._storage import whole_folder
from components.train.local_workers import train_with_local_workers
from components.train.parameters import TrainParameters
from components.train.preemption import Preemption

if TYPE_CHECKING:
    from components.formats.model import ModelSpec
    from components.train.training import TrainingResult

EXAMPLE = "  python -m components.train --train train --validation validation --model model --history history"


def parser() -> ArgumentParser:
    """Returns the parser of the step's flags."""
    flags = step_parser("train", "Trains a classifier on the train images, watched on the validation images.", EXAMPLE)
    add = flags.add_argument
    add("--train", type=Path, required=True, help="folder of the training examples, written by split")
    add("--validation", type=Path, required=True, help="folder of the validation examples, written by split")
    add("--model", type=Path, required=True, help="output: folder of the model")
    add("--history", type=Path, required=True, help="output: folder of history.json, curves.png and augmentation.png")
    add(
        "--checkpoints",
        type=Path,
        help="folder to go on from after an interruption (default: hidden beside the model, removed in the end)",
    )
    add("--workers", type=int, default=1, help="try out a cluster: so many processes on this machine (default: 1)")
    add_flags(flags, TrainParameters)
    return flags


def main() -> None:
    """Runs the step."""
    flags, preemption = parser().parse_args(), Preemption()
    preemption.heed_sigterm()
    with input_errors_as_exit_status():
        parameters = from_flags(TrainParameters, flags)
        if flags.workers > 1:
            sys.exit(train_with_local_workers(flags.workers, sys.argv[1:]))
        _train(flags, parameters, preemption)


def _train(flags: Namespace, parameters: TrainParameters, preemption: Preemption) -> None:
    # Imported late: --help and a wrong flag answer without TensorFlow's seconds of loading.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    from components.train.cluster import join_cluster  # noqa: PLC0415
    from components.train.continuation import Continuation, checkpoints_of  # noqa: PLC0415
    from components.train.input_pipeline import read_images  # noqa: PLC0415
    from components.train.training import Trainer  # noqa: PLC0415

    cluster = join_cluster(os.environ)
    preemption.heed_sigterm()  # again: as part of a cluster TensorFlow takes the signal for itself
    images = read_images(flags.train, parameters.image_size_px)
    validation = read_images(flags.validation, parameters.image_size_px, images.dataset.class_names)
    folder = flags.checkpoints or flags.model.with_name(f".{flags.model.name}.checkpoints")
    checkpoints = checkpoints_of(cluster, folder, parameters, images, validation)
    continuation = Continuation(cluster, checkpoints, parameters.checkpoint_minutes, preemption)
    with cluster.losses_as_exit_status():
        result = Trainer(parameters, images, validation, cluster, continuation).train()
    if cluster.is_chief:
        _write(flags, result, images.spec(parameters.backbone))
        if not flags.checkpoints:
            checkpoints.clear()


def _write(flags: Namespace, result: "TrainingResult", spec: "ModelSpec") -> None:
    from components.formats.model import KERAS_FILE, save_model  # noqa: PLC0415
    from components.train.history import HISTORY_FILE, write_history  # noqa: PLC0415

    with whole_folder(flags.model, holds=KERAS_FILE) as folder:
        save_model(folder, result.model, spec)
    with whole_folder(flags.history, holds=HISTORY_FILE) as folder:
        write_history(folder, result.history, result.exposure, result.samples)
    best = result.best
    say("train", f"best epoch: {best['phase']} {best['epoch']}, val_macro_f1 {best['val_macro_f1']:.3f}")
    metadata = {**best, "class_names": list(spec.class_names)}
    artifacts = {"model": Artifact(flags.model, metadata), "history": Artifact(flags.history)}
    write_executor_output(flags.executor_input, artifacts)


if __name__ == "__main__":
    main()
