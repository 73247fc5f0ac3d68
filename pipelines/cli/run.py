"""`scenery run`."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from pipelines.cli.console import new_console

# Commands import what they need when they run: kfp alone takes a second, and --help should not wait for it.
# ruff: noqa: PLC0415


class Runner(StrEnum):
    """Where a local run's steps run."""

    HOST = "host"
    DOCKER = "docker"


def run(
    data: Annotated[
        str,
        typer.Option(
            metavar="PATH|URI",
            help="Folder, bucket or archive of class folders, or a manifest (.csv, .jsonl): here, gs://, s3://, https://.",
            show_default=False,
        ),
    ],
    ledger: Annotated[
        str,
        typer.Option(
            metavar="PATH|URI",
            help="File, here or at gs://, in which runs remember which image is in which split; made if missing.",
        ),
    ] = "",
    preset: Annotated[
        str | None, typer.Option(help="One of `scenery presets`, or a .yaml file such as `scenery tune` writes.")
    ] = None,
    config: Annotated[Path | None, typer.Option(help="A YAML file of parameters.")] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="One parameter; may be repeated.")
    ] = None,
    runner: Annotated[Runner, typer.Option(help="Processes on this machine, or containers.")] = Runner.HOST,
    cache: Annotated[
        bool, typer.Option("--cache", help="Reuse steps whose code, data and parameters are unchanged.")
    ] = False,
    runs: Annotated[Path, typer.Option(help="Folder for the runs.", file_okay=False)] = Path("runs"),
) -> None:
    """Runs the whole pipeline here: ingest, split, train, evaluate, export.

    For example:

        scenery run --data photos

        scenery run --data photos.zip --preset quick --set min_recall=0.5

        scenery run --data photos --runner docker --cache

        scenery run --data gs://acme/photos --ledger gs://acme/ledger.parquet
    """
    from components._storage import check_apart, local_path, local_paths
    from components.train.backbones.given import given_files
    from pipelines.compile import COMPONENTS, PIPELINE_FILE
    from pipelines.local.data import data_arguments
    from pipelines.parameters import check_augmentation, resolve

    parameters = resolve(preset, config, settings or [])
    arguments = parameters.model_dump() | data_arguments(data, ledger)
    arguments["checkpoints"] = str(runs.resolve() / ".checkpoints")
    check_apart(local_paths({"--data": arguments["source"], "--ledger": arguments["ledger_uri"]}), {"--runs": runs})
    check_augmentation(parameters)
    from pipelines.local.run import RunRequest, run_pipeline
    from pipelines.local.summary import print_summary
    from pipelines.local.view import shown

    console = new_console()
    request = RunRequest(
        pipeline=PIPELINE_FILE,
        arguments=arguments,
        runs=runs,
        runner=runner.value,
        source=local_path(arguments["source"]),
        reuse=cache,
        backbone_files=given_files(parameters.backbone, parameters.weights),
    )
    with shown(console, COMPONENTS) as progress:
        result = run_pipeline(request, progress)
    print_summary(console, result)
