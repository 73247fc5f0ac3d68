"""`scenery`: the one command line."""

import signal

import typer

from pipelines.cli.building import build, compile_
from pipelines.cli.console import errors_for_people
from pipelines.cli.data import inspect, sample
from pipelines.cli.listing import backbones, parameters, presets
from pipelines.cli.run import run
from pipelines.cli.tune import tune

app = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown", pretty_exceptions_enable=False, help=__doc__)
images = typer.Typer(no_args_is_help=True, help="The container images of the components.")
for command in (run, tune, inspect, sample, parameters, presets, backbones):
    app.command()(command)
app.command("compile")(compile_)
images.command()(build)
app.add_typer(images, name="images")


def main() -> None:
    """Runs the command line; what a person can put right is shown without a stack trace."""
    for ending in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(ending) is not signal.SIG_IGN:  # nohup has a terminal's end ignored
            signal.signal(ending, signal.default_int_handler)  # as on Ctrl-C: nothing is left running
    with errors_for_people():
        app()
