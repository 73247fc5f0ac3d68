"""The container's face of train."""

import os
from argparse import ArgumentParser
from pathlib import Path

from components._executor import Artifact, input_errors_as_exit_status, step_parser, write_executor_output
from components._parameters import add_flags, from_flags
from components._progress import say
from components._storage import whole_folder
from components.train.parameters import TrainParameters

EXAMPLE = "  python -m components.train --train train --validation validation --model model --history history"


def parser() -> ArgumentParser:
    """Returns the parser of the step's flags."""
    flags = step_parser("train", "Trains a classifier on the train images, watched on the validation images.", EXAMPLE)
    add = flags.add_argument
    add("--train", type=Path, required=True, help="folder of the training examples, written by split")
    add("--validation", type=Path, required=True, help="folder of the validation examples, written by split")
    add("--model", type=Path, required=True, help="output: folder of the model")
    add("--history", type=Path, required=True, help="output: folder of history.json and curves.png")
    add_flags(flags, TrainParameters)
    return flags


def main() -> None:
    """Runs the step."""
    flags = parser().parse_args()
    with input_errors_as_exit_status():
        parameters = from_flags(TrainParameters, flags)

        # Imported late: --help and a wrong flag answer without TensorFlow's seconds of loading.
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
        from components.formats.model import save_model  # noqa: PLC0415
        from components.train.cluster import join_cluster  # noqa: PLC0415
        from components.train.history import write_history  # noqa: PLC0415
        from components.train.input_pipeline import read_images  # noqa: PLC0415
        from components.train.training import Trainer  # noqa: PLC0415

        cluster = join_cluster(os.environ)
        images = read_images(flags.train, parameters.image_size_px)
        validation = read_images(flags.validation, parameters.image_size_px, images.dataset.class_names)
        result = Trainer(parameters, images, validation, cluster).train()
        if not cluster.is_chief:
            return
        with whole_folder(flags.model) as folder:
            save_model(folder, result.model, images.spec(parameters.backbone))
        with whole_folder(flags.history) as folder:
            write_history(folder, result.history)
        best = result.best
        say("train", f"best epoch: {best['phase']} {best['epoch']}, val_macro_f1 {best['val_macro_f1']:.3f}")
        metadata = {**best, "class_names": list(images.dataset.class_names)}
        artifacts = {"model": Artifact(flags.model, metadata), "history": Artifact(flags.history)}
        write_executor_output(flags.executor_input, artifacts)


if __name__ == "__main__":
    main()
