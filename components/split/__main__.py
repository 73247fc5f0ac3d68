"""The container's face of split."""

import gc
import os
import time
from argparse import ArgumentParser
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from components._executor import Artifact, input_errors_as_exit_status, step_parser, write_executor_output
from components._parameters import add_flags, from_flags
from components._storage import check_apart, local_paths
from components.split.parameters import SplitParameters

if TYPE_CHECKING:
    from components.split.assignment import Split

EXAMPLE = """  python -m components.split --images run/images --train run/train --validation run/validation \\
      --test run/test --ledger run/ledger --report run/report --ledger-uri gs://acme/scenes/ledger.parquet"""


def parser() -> ArgumentParser:
    """Returns the parser of the step's flags."""
    flags = step_parser("split", "Assigns images to train, validation and test: by group, stratified.", EXAMPLE)
    add = flags.add_argument
    add("--images", type=Path, required=True, help="folder of the images, written by ingest")
    add("--ledger-uri", default="", help="ledger that runs share: .parquet here or at gs:// (default none)")
    add("--ledger-digest", default="", help="any text that changes with that ledger; keys KFP's cache (default none)")
    add("--train", type=Path, required=True, help="output: folder of the training examples")
    add("--validation", type=Path, required=True, help="output: folder of the validation examples")
    add("--test", type=Path, required=True, help="output: folder of the test examples")
    add("--ledger", type=Path, required=True, help="output: folder of ledger.parquet: which group is in which split")
    add("--report", type=Path, required=True, help="output: a page to read; .html is added")
    add_flags(flags, SplitParameters)
    return flags


def main() -> None:
    """Runs the step."""
    args = parser().parse_args()
    # Arrow's own allocator keeps a third more than a million rows need. It is chosen when Arrow is imported.
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    # Imported after the flags are read, so that --help answers at once.
    from components.split.report.page import write_report  # noqa: PLC0415
    from components.split.split_datasets import write_split_datasets  # noqa: PLC0415
    from components.split.summary import ledger_metadata, metadata, say_summary  # noqa: PLC0415

    began = time.monotonic()
    outputs: dict[Split, Path] = {"train": args.train, "validation": args.validation, "test": args.test}
    report = args.report.with_name(f"{args.report.name}.html")
    with input_errors_as_exit_status():
        check_apart(
            {"--images": args.images, **local_paths({"--ledger-uri": args.ledger_uri})},
            {f"--{name}": path for name, path in outputs.items()} | {"--ledger": args.ledger, "--report": report},
        )
        parameters = from_flags(SplitParameters, args)
        # SOURCE_DATE_EPOCH fixes the ledger's date: https://reproducible-builds.org/specs/source-date-epoch
        today = datetime.fromtimestamp(int(os.environ.get("SOURCE_DATE_EPOCH", time.time())), UTC).date().isoformat()
        split = write_split_datasets(args.images, outputs, args.ledger, parameters, today, args.ledger_uri)
        say_summary(split, time.monotonic() - began)
        write_report(outputs, args.ledger, report)
        described = ledger_metadata(split, args.ledger_uri, args.ledger_digest)
        artifacts = {"ledger": Artifact(args.ledger, described), "report": Artifact(report)}
        artifacts |= {name: Artifact(outputs[name], metadata(dataset)) for name, dataset in split.of.items()}
        write_executor_output(args.executor_input, artifacts)


if __name__ == "__main__":
    gc.disable()  # nothing here makes cycles, and going through millions of groups in search of them takes seconds
    main()
