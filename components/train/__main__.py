"""The container's face of train."""

import os
import sys
from argparse import ArgumentParser, Namespace
from contextlib import closing
from pathlib import Path

from components._errors import InputError
from components._executor import Artifact, input_errors_as_exit_status, step_parser, write_executor_output
from components._parameters import add_flags, from_flags
from components._progress import say
from components.train.local_workers import train_with_local_workers
from components.train.parameters import TrainParameters
from components.train.preemption import Preemption

EXAMPLE = (
    "  python -m components.train --train train --validation validation --model model --history history "
    "--report report --tensorboard tensorboard"
)


def parser() -> ArgumentParser:
    """Returns the parser of the step's flags."""
    flags = step_parser("train", "Trains a classifier on the train images, watched on the validation images.", EXAMPLE)
    add = flags.add_argument
    add("--train", type=Path, required=True, help="folder of the training examples, written by split")
    add("--validation", type=Path, required=True, help="folder of the validation examples, written by split")
    add("--model", type=Path, required=True, help="output: folder of the model")
    add("--history", type=Path, required=True, help="output: folder of history.json, curves.png and augmentation.png")
    add("--report", type=Path, required=True, help="output: a page to read; .html is added")
    add("--tensorboard", type=Path, required=True, help="output: folder of TensorBoard's logs")
    add(
        "--checkpoints",
        default="",
        help="folder to go on from after an interruption, for any number of trainings; each removes its own in the end "
        "(default: hidden beside the model)",
    )
    add("--workers", type=int, default=1, help="try out a cluster: so many processes on this machine (default: 1)")
    add_flags(flags, TrainParameters)
    return flags


def main() -> None:
    """Runs the step."""
    flags = parser().parse_args()
    preemption = Preemption(kept="Each worker says what it has kept" if flags.workers > 1 else None)
    preemption.heed_signals()
    with input_errors_as_exit_status():
        parameters = from_flags(TrainParameters, flags)
        if "://" in flags.checkpoints:
            raise InputError(
                "--checkpoints: expected a folder, such as a mounted volume or /gcs/BUCKET/FOLDER on Vertex AI. "
                f"Received: {flags.checkpoints!r}."
            )
        if flags.workers > 1:
            sys.exit(train_with_local_workers(flags.workers, sys.argv[1:]))
        _train(flags, parameters, preemption)


def _train(flags: Namespace, parameters: TrainParameters, preemption: Preemption) -> None:
    # Imported late: --help and a wrong flag answer without TensorFlow's seconds of loading.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    from components.train.cluster import join_cluster  # noqa: PLC0415
    from components.train.continuation import Continuation, checkpoints_of  # noqa: PLC0415
    from components.train.input_pipeline import read_images  # noqa: PLC0415
    from components.train.recording import Outputs, Task, train_and_record  # noqa: PLC0415

    cluster = join_cluster(os.environ)
    preemption.heed_signals()  # again: as part of a cluster TensorFlow takes the signal for itself
    images = read_images(flags.train, parameters.image_size_px)
    validation = read_images(flags.validation, parameters.image_size_px, images.dataset.class_names)
    beside_model = flags.model.with_name(f".{flags.model.name}.checkpoints")
    folder = Path(flags.checkpoints) if flags.checkpoints else beside_model
    checkpoints = checkpoints_of(folder, parameters, images, validation)
    if cluster.is_chief and not checkpoints.claim():
        say("train", f"the same training is going on elsewhere, with its checkpoints in {checkpoints.folder}")
        folder = beside_model
        checkpoints = checkpoints_of(folder, parameters, images, validation)
    continuation = Continuation(cluster, checkpoints, parameters.checkpoint_minutes, preemption)
    outputs = Outputs(
        flags.model, flags.history, flags.report.with_name(f"{flags.report.name}.html"), flags.tensorboard
    )
    task = Task(parameters, images, validation)
    with closing(checkpoints):
        described = train_and_record(task, outputs, cluster, continuation, kept=checkpoints.folder)
        if cluster.is_chief:
            artifacts = {name: Artifact(path, described.get(name, {})) for name, path in vars(outputs).items()}
            write_executor_output(flags.executor_input, artifacts)
            checkpoints.clear(others=folder == beside_model)


if __name__ == "__main__":
    main()
