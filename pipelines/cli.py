"""`scenery`: the one command line."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from components import _image
from components._errors import InputError

app = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown", pretty_exceptions_enable=False, help=__doc__)
images_app = typer.Typer(no_args_is_help=True, help="The container images of the components.")
app.add_typer(images_app, name="images")

# Commands import what they need when they run: kfp alone takes a second, and --help should not wait for it.
# ruff: noqa: PLC0415

INTERRUPTED = 130  # as a shell reports Ctrl-C; typer exits with it


class Runner(StrEnum):
    """Where a local run's steps run."""

    HOST = "host"
    DOCKER = "docker"


class TensorFlow(StrEnum):
    """Which TensorFlow an image gets."""

    CPU = "cpu"
    GPU = "gpu"


@app.command()
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
    preset: Annotated[str | None, typer.Option(help="Parameters of Scenery's own; see `scenery presets`.")] = None,
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
    from pipelines.compile import COMPONENTS, PIPELINE_FILE
    from pipelines.local.data import data_arguments
    from pipelines.parameters import resolve

    arguments = resolve(preset, config, settings or []).model_dump() | data_arguments(data, ledger)
    check_apart(local_paths({"--data": arguments["source"], "--ledger": arguments["ledger_uri"]}), {"--runs": runs})
    from pipelines.local.run import RunRequest, run_pipeline
    from pipelines.local.summary import print_summary
    from pipelines.local.view import shown

    console = _console()
    request = RunRequest(
        pipeline=PIPELINE_FILE,
        arguments=arguments,
        runs=runs,
        runner=runner.value,
        source=local_path(arguments["source"]),
        reuse=cache,
    )
    with shown(console, COMPONENTS) as progress:
        result = run_pipeline(request, progress)
    print_summary(console, result)


@app.command()
def inspect(
    artifact: Annotated[Path, typer.Argument(help="A dataset, a ledger, a step's folder or a whole run's.")],
) -> None:
    """Shows what an artifact of ingest or split holds, as its report does: counts, clusters, quality, rejects, changes.

    For example:

        scenery inspect runs/latest

        scenery inspect runs/latest/ingest/images

        scenery inspect runs/latest/split/ledger
    """
    from pipelines.inspection.artifact import inspect as inspect_

    inspect_(_console(), artifact)


@app.command()
def sample(
    folder: Annotated[Path, typer.Argument(help="Folder to write; must not exist yet or be empty.")],
    images: Annotated[int, typer.Option(min=36, max=100_000, help="About how many images.")] = 600,
    seed: Annotated[int, typer.Option(min=0, help="Other seeds draw other pictures.")] = 0,
) -> None:
    """Draws a small set of real-estate scenes in nine very unequal classes, to try the pipeline on.

    For example:

        scenery sample sample-data
    """
    from rich.progress import Progress

    from pipelines.sample.corpus import write_sample

    console = _console()
    with Progress(console=console, transient=True) as bar:
        task = bar.add_task("drawing")
        summary = write_sample(
            folder, images=images, seed=seed, progress=lambda done, total: bar.update(task, completed=done, total=total)
        )
    console.print(
        f"{folder}: {summary.files} files in {len(summary.classes)} classes, among them {summary.corrupt} damaged "
        f"ones, {summary.duplicates} copies and {summary.rotated} that their EXIF orientation turns upright",
        soft_wrap=True,
    )


@app.command()
def parameters() -> None:
    """Lists every parameter with its default, its range and what it does.

    For example:

        scenery parameters
    """
    from components._parameters import expected
    from pipelines.parameters import Parameters

    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("parameter", style="bold", no_wrap=True)
    for column in ("default", "takes", "what it is"):
        table.add_column(column)
    for name, field in Parameters.model_fields.items():
        default = field.get_default(call_default_factory=True)
        table.add_row(name, str(default), expected(field), field.description)
    _console().print(table)


@app.command()
def presets() -> None:
    """Lists the presets and what they set.

    For example:

        scenery presets
    """
    from pipelines.parameters import preset_names, read_preset

    console = _console()
    for name in preset_names():
        console.print(name, style="bold")
        for parameter, value in read_preset(name).items():
            console.print(f"  {parameter}: {value}")


@app.command()
def backbones() -> None:
    """Lists the backbones that `--set backbone=NAME` takes.

    For example:

        scenery backbones
    """
    from components.train.backbones.table import BACKBONES, KERAS_HUB

    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("backbone", style="bold", no_wrap=True)
    table.add_column("parameters", justify="right")
    table.add_column("image size", justify="right")
    table.add_column("pretrained weights")
    for backbone in BACKBONES:
        size = (f"{backbone.million_parameters} M", f"{backbone.image_size_px} px")
        table.add_row(backbone.name, *size, backbone.pretrained or "none")
    table.add_row(f"{KERAS_HUB}PRESET", "", "", "the preset's own")
    _console().print(table)


@app.command("compile")
def compile_(
    output: Annotated[Path, typer.Option(help="File to write.")] = Path("pipeline.yaml"),
    registry: Annotated[str, typer.Option(help="Where a cluster pulls the images from.")] = "",
    tag: Annotated[str, typer.Option(help="Tag of the images.")] = _image.VERSION,
) -> None:
    """Compiles the pipeline for a cluster.

    For example:

        scenery compile --registry europe-docker.pkg.dev/acme/ml --output pipeline.yaml
    """
    from pipelines.compile import compile_pipeline

    compile_pipeline(output, registry=registry, tag=tag)
    _console().print(f"wrote {output}", soft_wrap=True)


@images_app.command()
def build(
    component: Annotated[list[str] | None, typer.Option(help="Only this one; may be repeated.")] = None,
    base_image: Annotated[str, typer.Option(help="What the images start from.")] = "python:3.11-slim",
    tensorflow: Annotated[TensorFlow, typer.Option(help="For train, evaluate and export.")] = TensorFlow.CPU,
    registry: Annotated[str, typer.Option(help="Prefix of the images' names, for pushing.")] = "",
    tag: Annotated[str, typer.Option(help="Tag of the images.")] = _image.VERSION,
    network: Annotated[str, typer.Option(help="Docker network of the build's commands.")] = "host",
) -> None:
    """Builds the images of the five components with the Docker engine.

    For example:

        scenery images build

        scenery images build --component train --tensorflow gpu --registry europe-docker.pkg.dev/acme/ml
    """
    from pipelines.compile import COMPONENTS
    from pipelines.images import Build, build_images
    from pipelines.local.container import engine

    if unknown := set(component or ()) - set(COMPONENTS):
        raise InputError(f"--component: expected one of {', '.join(COMPONENTS)}. Received: {', '.join(unknown)}.")
    console = _console()
    how = Build(base_image, tensorflow.value, registry, tag, network)
    with console.status("building") as status:

        def began(step: str) -> None:
            if console.is_terminal:
                status.update(Text(step, no_wrap=True, overflow="ellipsis"))
            else:
                console.print(step, soft_wrap=True)

        for built in build_images(engine(), component or COMPONENTS, how, began):
            console.print(f"{built.reference}: {built.size_mb:,.0f} MB, {built.seconds:.1f} s", soft_wrap=True)


def main() -> None:
    """Runs the command line; what a person can put right is shown without a stack trace."""
    for ending in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(ending) is not signal.SIG_IGN:  # nohup has a terminal's end ignored
            signal.signal(ending, signal.default_int_handler)  # as on Ctrl-C: nothing is left running
    with _errors_for_people():
        app()


def _console(*, stderr: bool = False) -> Console:
    """Returns a console that shows text as it is: paths and messages may hold what rich takes for markup.

    It stays with the stream of this moment: a run sends whatever else is printed to a file.
    """
    return Console(file=sys.stderr if stderr else sys.stdout, markup=False, emoji=False, highlight=False)


def _print_error(console: Console, title: str, message: str) -> None:
    text = Text.assemble((f"{title}: ", "bold red"), message)
    console.print(text, soft_wrap=not console.is_terminal)


@contextmanager
def _errors_for_people() -> Iterator[None]:
    from pipelines.local.step import StepFailedError

    console = _console(stderr=True)
    try:
        yield
    except InputError as error:
        _print_error(console, "error", str(error))
        sys.exit(2)
    except StepFailedError as error:
        _print_error(console, f"{error.step} failed", error.reason)
        console.print(f"log: {error.log}", soft_wrap=True)
        sys.exit(1)
    except SystemExit as end:
        if end.code == INTERRUPTED:
            console.print("stopped; nothing is left running")
        raise


if __name__ == "__main__":
    main()
