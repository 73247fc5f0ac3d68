"""`scenery compile` and `scenery images build`: what a cluster needs."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from components import _image
from components._errors import InputError
from pipelines.cli.console import new_console

# Commands import what they need when they run: kfp alone takes a second, and --help should not wait for it.
# ruff: noqa: PLC0415


class Pipeline(StrEnum):
    """What can be compiled."""

    SCENE_CLASSIFICATION = "scene-classification"
    TUNING = "tuning"


# `scenery run` executes pipeline.yaml, which no other pipeline is to overwrite.
_FILES = {Pipeline.SCENE_CLASSIFICATION: Path("pipeline.yaml"), Pipeline.TUNING: Path("tuning.yaml")}


class TensorFlow(StrEnum):
    """Which TensorFlow an image gets."""

    CPU = "cpu"
    GPU = "gpu"


def compile_(
    output: Annotated[
        Path | None,
        typer.Option(help="File to write.", show_default="pipeline.yaml; tuning.yaml with --pipeline tuning"),
    ] = None,
    registry: Annotated[str, typer.Option(help="Where a cluster pulls the images from.")] = "",
    tag: Annotated[str, typer.Option(help="Tag of the images.")] = _image.VERSION,
    pipeline: Annotated[Pipeline, typer.Option(help="Which one.")] = Pipeline.SCENE_CLASSIFICATION,
) -> None:
    """Compiles a pipeline for a cluster.

    For example:

        scenery compile --registry europe-docker.pkg.dev/acme/ml --output pipeline.yaml

        scenery compile --pipeline tuning --output tuning.yaml
    """
    from pipelines.compile import compile_pipeline

    output = output or _FILES[pipeline]
    compile_pipeline(output, registry=registry, tag=tag, pipeline=pipeline.value)
    new_console().print(f"wrote {output}", soft_wrap=True)


def build(
    component: Annotated[list[str] | None, typer.Option(help="Only this one; may be repeated.")] = None,
    base_image: Annotated[str, typer.Option(help="What the images start from.")] = "python:3.11-slim",
    tensorflow: Annotated[TensorFlow, typer.Option(help="For all but ingest and split.")] = TensorFlow.CPU,
    registry: Annotated[str, typer.Option(help="Prefix of the images' names, for pushing.")] = "",
    tag: Annotated[str, typer.Option(help="Tag of the images.")] = _image.VERSION,
    network: Annotated[str, typer.Option(help="Docker network of the build's commands.")] = "host",
) -> None:
    """Builds the images of the components with the Docker engine.

    For example:

        scenery images build

        scenery images build --component train --tensorflow gpu --registry europe-docker.pkg.dev/acme/ml
    """
    from pipelines.images import IMAGES, Build, build_images
    from pipelines.local.container import engine

    if unknown := set(component or ()) - set(IMAGES):
        raise InputError(f"--component: expected one of {', '.join(IMAGES)}. Received: {', '.join(unknown)}.")
    console = new_console()
    how = Build(base_image, tensorflow.value, registry, tag, network)
    with console.status("building") as status:

        def began(step: str) -> None:
            if console.is_terminal:
                status.update(Text(step, no_wrap=True, overflow="ellipsis"))
            else:
                console.print(step, soft_wrap=True)

        for built in build_images(engine(), component or IMAGES, how, began):
            console.print(f"{built.reference}: {built.size_mb:,.0f} MB, {built.seconds:.1f} s", soft_wrap=True)
