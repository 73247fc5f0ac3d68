"""`scenery tune`."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from components.tune.parameters import TuneParameters
from pipelines.cli.console import new_console

# Commands import what they need when they run: kfp alone takes a second, and --help should not wait for it.
# ruff: noqa: PLC0415

_DEFAULT = TuneParameters.model_validate({})


class Pruner(StrEnum):
    """What ends trials early."""

    MEDIAN = "median"
    HYPERBAND = "hyperband"
    NONE = "none"


def tune(
    data: Annotated[
        str,
        typer.Option(metavar="PATH|URI", help="As for `scenery run`.", show_default=False),
    ],
    trials: Annotated[int, typer.Option(help="In all, those of earlier runs included.")] = _DEFAULT.trials,
    search: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME[=...]",
            help="A parameter to search, as NAME, NAME=LOW..HIGH or NAME=A,B,C; may be repeated.",
            show_default=", ".join(_DEFAULT.search),
        ),
    ] = None,
    backbone: Annotated[list[str] | None, typer.Option(help="One to choose among; may be repeated.")] = None,
    preset: Annotated[
        str | None, typer.Option(help="What trials begin with: one of `scenery presets`, or a .yaml file.")
    ] = None,
    config: Annotated[Path | None, typer.Option(help="A YAML file of parameters.")] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="One parameter; may be repeated.")
    ] = None,
    ledger: Annotated[str, typer.Option(metavar="PATH|URI", help="As for `scenery run`.")] = "",
    timeout_minutes: Annotated[
        float, typer.Option(help="After which no other trial begins; 0 for no limit.")
    ] = _DEFAULT.timeout_minutes,
    trial_head_epochs: Annotated[
        int, typer.Option(help="Epochs of the head in a trial; -1: head_epochs.")
    ] = _DEFAULT.trial_head_epochs,
    trial_finetune_epochs: Annotated[
        int, typer.Option(help="Epochs of fine-tuning in a trial; -1: finetune_epochs.")
    ] = _DEFAULT.trial_finetune_epochs,
    pruner: Annotated[Pruner, typer.Option(help="What ends trials that fall behind.")] = Pruner.MEDIAN,
    workers: Annotated[int, typer.Option(help="Processes that share the trials, cores and GPUs.")] = _DEFAULT.workers,
    storage: Annotated[
        str,
        typer.Option(
            metavar="URL",
            help="Database that the study is in, and others may share.",
            show_default="studies.db in runs",
        ),
    ] = "",
    study: Annotated[
        str,
        typer.Option(help="Name of the study in the database.", show_default="one for these images and this search"),
    ] = "",
    runs: Annotated[Path, typer.Option(help="Folder for the runs.", file_okay=False)] = Path("runs"),
) -> None:
    """Searches training's parameters: trains many times, and keeps what scores best on the validation images.

    Ingest and split are taken from earlier runs where nothing has changed. Stopped at any time, the same command goes
    on where it was.

    For example:

        scenery tune --data photos --trials 20

        scenery tune --data photos --preset quick --search head_learning_rate --search dropout=0..0.5 --workers 2

        scenery tune --data photos --backbone efficientnet_lite0 --backbone mobilenet --timeout-minutes 60

        scenery tune --data gs://acme/photos --storage postgresql+psycopg://scenery@db.example.com/studies --study rooms
    """
    from components._storage import check_apart, local_path, local_paths
    from pipelines.local.data import data_arguments
    from pipelines.local.tuning import print_outcome, trial_parameters, tuning_request
    from pipelines.local.view import shown
    from pipelines.parameters import check_augmentation, resolve

    parameters = resolve(preset, config, settings or [])
    given: dict[str, Any] = {
        "trials": trials,
        "timeout_minutes": timeout_minutes,
        "study_name": study,
        "storage": storage,
        "search": search or _DEFAULT.search,
        "backbones": backbone or [],
        "trial_head_epochs": trial_head_epochs,
        "trial_finetune_epochs": trial_finetune_epochs,
        "pruner": pruner.value,
        "workers": workers,
    }
    tuning = trial_parameters(parameters, given, runs)
    where = data_arguments(data, ledger)
    check_apart(local_paths({"--data": where["source"], "--ledger": where["ledger_uri"]}), {"--runs": runs})
    check_augmentation(parameters)
    from pipelines.local.run import run_pipeline

    console = new_console()
    with tuning_request(parameters, tuning, where, runs, local_path(where["source"])) as request:
        try:
            with shown(console, ("ingest", "split", "tune")) as progress:
                result = run_pipeline(request, progress)
        except KeyboardInterrupt:
            console.print("The trials so far are kept; the same command goes on from there.", soft_wrap=True)
            raise
    print_outcome(console, result, parameters, data, ledger)
