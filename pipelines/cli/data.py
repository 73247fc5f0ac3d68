"""`scenery sample` and `scenery inspect`: making data, and looking at it."""

from pathlib import Path
from typing import Annotated

import typer

from pipelines.cli.console import new_console

# Commands import what they need when they run: kfp alone takes a second, and --help should not wait for it.
# ruff: noqa: PLC0415


def inspect(
    artifact: Annotated[
        str,
        typer.Argument(help="A dataset, a ledger (in a bucket, too), a history, a step's folder or a run's."),
    ],
) -> None:
    """Shows what an artifact of ingest, split or train holds, as its report does: counts, quality, changes, epochs.

    For example:

        scenery inspect runs/latest

        scenery inspect runs/latest/ingest/images

        scenery inspect gs://acme/ledger.parquet

        scenery inspect runs/latest/train
    """
    from pipelines.inspection.artifact import inspect as inspect_

    inspect_(new_console(), artifact)


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

    console = new_console()
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
