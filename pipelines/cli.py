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

from components import _image
from components._errors import InputError

app = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown", pretty_exceptions_enable=False, help=__doc__)
images_app = typer.Typer(no_args_is_help=True, help="The container images of the components.")
app.add_typer(images_app, name="images")

# Commands import what they need when they run: kfp alone takes a second, and --help should not wait for it.
# ruff: noqa: PLC0415


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
    data: Annotated[Path, typer.Option(help="Folder, .zip or .tar of class folders.", show_default=False)],
    preset: Annotated[str | None, typer.Option(help="Parameters that come with Scenery; see `scenery presets`.")] = None,
    config: Annotated[Path | None, typer.Option(help="A YAML file of parameters.")] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="One parameter; may be repeated.")
    ] = None,
    runner: Annotated[Runner, typer.Option(help="Processes on this machine, or containers.")] = Runner.HOST,
    cache: Annotated[bool, typer.Option("--cache", help="Reuse steps whose code, data and parameters are unchanged.")] = False,
    runs: Annotated[Path, typer.Option(help="Folder for the runs.")] = Path("runs"),
) -> None:
    """Runs the whole pipeline here: ingest, split, train, evaluate, export.

    Examples:

        scenery run --data photos

        scenery run --data photos.zip --preset quick --set min_recall=0.5

        scenery run --data photos --runner docker --cache
    """
    from pipelines.compile import COMPONENTS, PIPELINE_FILE
    from pipelines.local.cache import listing_digest
    from pipelines.parameters import resolve

    parameters = resolve(preset, config, settings or [])
    if not data.exists():
        raise InputError(f"--data: expected a folder or an archive of class folders, found nothing at {data}.")
    source = data.resolve()
    from pipelines.local.run import RunRequest, run_pipeline
    from pipelines.local.summary import print_summary
    from pipelines.local.view import shown

    console = Console(file=sys.stdout)
    request = RunRequest(
        pipeline=PIPELINE_FILE,
        arguments=parameters.model_dump() | {"source": str(source), "source_digest": listing_digest(source)},
        runs=runs,
        runner=runner.value,
        source=source,
        reuse=cache,
    )
    with shown(console, COMPONENTS) as progress:
        result = run_pipeline(request, progress)
    print_summary(console, result)


@app.command()
def sample(
    folder: Annotated[Path, typer.Argument(help="Folder to write; must not exist yet or be empty.")],
    images: Annotated[int, typer.Option(min=36, max=100_000, help="About how many images.")] = 600,
    seed: Annotated[int, typer.Option(min=0, help="Other seeds draw other pictures.")] = 0,
) -> None:
    """Draws a small set of real-estate scenes in nine very unequal classes, to try the pipeline on.

    Example:

        scenery sample sample-data
    """
    from rich.progress import Progress

    from pipelines.sample.corpus import write_sample

    console = Console()
    with Progress(console=console, transient=True) as bar:
        task = bar.add_task("drawing")
        summary = write_sample(
            folder, images=images, seed=seed, progress=lambda done, total: bar.update(task, completed=done, total=total)
        )
    console.print(
        f"{folder}: {summary.files} files in {len(summary.classes)} classes, among them {summary.corrupt} damaged ones, "
        f"{summary.duplicates} copies and {summary.rotated} that their EXIF orientation turns upright",
        highlight=False,
    )


@app.command()
def presets() -> None:
    """Lists the presets and what they set."""
    from pipelines.parameters import preset_names, read_preset

    console = Console()
    for name in preset_names():
        console.print(f"[bold]{name}[/bold]")
        for parameter, value in read_preset(name).items():
            console.print(f"  {parameter}: {value}")


@app.command("compile")
def compile_(
    output: Annotated[Path, typer.Option(help="File to write.")] = Path("pipeline.yaml"),
    registry: Annotated[str, typer.Option(help="Where a cluster pulls the images from.")] = "",
    tag: Annotated[str, typer.Option(help="Tag of the images.")] = _image.VERSION,
) -> None:
    """Compiles the pipeline for a cluster.

    Example:

        scenery compile --registry europe-docker.pkg.dev/acme/ml --output pipeline.yaml
    """
    from pipelines.compile import compile_pipeline

    compile_pipeline(output, registry=registry, tag=tag)
    Console().print(f"wrote {output}", highlight=False)


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

    Examples:

        scenery images build

        scenery images build --component train --tensorflow gpu --registry europe-docker.pkg.dev/acme/ml
    """
    from pipelines.compile import COMPONENTS
    from pipelines.images import Build, build_images
    from pipelines.local.container import engine

    if unknown := set(component or ()) - set(COMPONENTS):
        raise InputError(f"--component: expected one of {', '.join(COMPONENTS)}. Received: {', '.join(sorted(unknown))}.")
    console = Console()
    how = Build(base_image, tensorflow.value, registry, tag, network)
    with console.status("building", spinner="dots") as status:

        def say(line: str) -> None:
            status.update(line)
            console.print(line, markup=False, highlight=False)

        build_images(engine(), component or COMPONENTS, how, say)


def main() -> None:
    """Runs the command line; what a person can put right is shown without a stack trace."""
    signal.signal(signal.SIGTERM, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt()))
    with _errors_for_people():
        app(standalone_mode=False)


@contextmanager
def _errors_for_people() -> Iterator[None]:
    from pipelines.local.step import StepFailedError

    console = Console(stderr=True)
    try:
        yield
    except InputError as error:
        console.print(f"[bold red]error:[/bold red] {error}", highlight=False, markup=True)
        sys.exit(2)
    except StepFailedError as error:
        console.print(f"[bold red]{error.step} failed:[/bold red] {error.reason}\nlog: {error.log}", highlight=False)
        sys.exit(1)
    except KeyboardInterrupt:
        console.print("stopped; its processes or containers have been ended", highlight=False)
        sys.exit(130)


if __name__ == "__main__":
    main()
