"""The container's face of export."""

import json
import os
from argparse import ArgumentParser
from pathlib import Path

from components._executor import Artifact, input_errors_as_exit_status, step_parser, write_executor_output
from components._storage import whole_file, whole_folder

EXAMPLE = (
    "  python -m components.export --model model --test test \\\n"
    "      --saved-model saved_model --tflite tflite --parity parity"
)


def parser() -> ArgumentParser:
    """Returns the parser of the step's flags."""
    flags = step_parser("export", "Exports a model as SavedModel and TFLite, both checked on the test images.", EXAMPLE)
    add = flags.add_argument
    add("--model", type=Path, required=True, help="folder of the trained model, written by train")
    add("--test", type=Path, required=True, help="folder of the test examples, written by split")
    add("--saved-model", type=Path, required=True, help="output: folder; the SavedModel is its subfolder 1")
    add("--tflite", type=Path, required=True, help="output: folder of model.tflite and labels.txt")
    add("--parity", type=Path, required=True, help="output: how far the exports lie from the model; .json is added")
    return flags


def main() -> None:
    """Runs the step."""
    flags = parser().parse_args()
    with input_errors_as_exit_status():
        # Imported late: --help and a wrong flag answer without TensorFlow's seconds of loading.
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
        from components.export.exporting import export_checked  # noqa: PLC0415

        with (
            whole_folder(flags.saved_model, holds="*/saved_model.pb") as saved_model,
            whole_folder(flags.tflite, holds="*.tflite") as tflite,
        ):
            metrics = export_checked(flags.model, flags.test, saved_model, tflite)
        parity_file = flags.parity.with_suffix(".json")
        with whole_file(parity_file) as file:
            file.write_text(json.dumps(metrics, indent=2) + "\n")
        artifacts = {
            "saved_model": Artifact(flags.saved_model, {"framework": "TensorFlow SavedModel"}),
            "tflite": Artifact(flags.tflite, {"framework": "TFLite"}),
            "parity": Artifact(parity_file, metrics),
        }
        write_executor_output(flags.executor_input, artifacts)


if __name__ == "__main__":
    main()
