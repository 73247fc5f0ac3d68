"""The container's face of ingest."""

import time
from argparse import ArgumentParser
from pathlib import Path

from components._executor import Artifact, input_errors_as_exit_status, step_parser, write_executor_output
from components._parameters import add_flags, from_flags
from components._storage import check_apart, local_paths
from components.ingest.parameters import IngestParameters

EXAMPLE = """  python -m components.ingest --source photos.zip --images run/images --report run/report
  python -m components.ingest --source gs://acme/listings --images run/images --report run/report \\
      --class-map '{"living rm": "living_room"}' --group-pattern 'listing-(\\d+)'"""


def parser() -> ArgumentParser:
    """Returns the parser of the step's flags."""
    flags = step_parser("ingest", "Reads labelled images into one dataset of upright, scaled RGB images.", EXAMPLE)
    add = flags.add_argument
    add(
        "--source",
        required=True,
        help="folder, archive or manifest (.csv, .jsonl), here or at gs://, s3:// or https://",
    )
    add("--source-digest", default="", help="any text that changes with the source; keys KFP's cache (default none)")
    add("--images", type=Path, required=True, help="output: folder of the images and of rejected.jsonl")
    add("--report", type=Path, required=True, help="output: a page to read; .html is added")
    add_flags(flags, IngestParameters)
    return flags


def main() -> None:
    """Runs the step."""
    args = parser().parse_args()
    # Imported after the flags are read, so that --help answers at once.
    from components.ingest.image_dataset import write_image_dataset  # noqa: PLC0415
    from components.ingest.report.page import write_report  # noqa: PLC0415
    from components.ingest.summary import metadata, say_summary  # noqa: PLC0415

    began = time.monotonic()
    with input_errors_as_exit_status():
        report = args.report.with_name(f"{args.report.name}.html")
        check_apart(local_paths({"--source": args.source}), {"--images": args.images, "--report": report})
        ingested = write_image_dataset(args.source, args.images, from_flags(IngestParameters, args))
        say_summary(ingested, time.monotonic() - began)
        write_report(args.images, report)
        described = {**metadata(ingested), "source": args.source, "source_digest": args.source_digest}
        artifacts = {"images": Artifact(args.images, described), "report": Artifact(report)}
        write_executor_output(args.executor_input, artifacts)


if __name__ == "__main__":
    main()
