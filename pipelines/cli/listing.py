"""`scenery parameters`, `presets` and `backbones`: what there is to choose from."""

from rich.table import Table

from pipelines.cli.console import new_console

# Commands import what they need when they run: kfp alone takes a second, and --help should not wait for it.
# ruff: noqa: PLC0415


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
    new_console().print(table)


def presets() -> None:
    """Lists the presets and what they set.

    For example:

        scenery presets
    """
    from pipelines.parameters import preset_names, read_preset

    console = new_console()
    for name in preset_names():
        console.print(name, style="bold")
        for parameter, value in read_preset(name).items():
            console.print(f"  {parameter}: {value}")


def backbones() -> None:
    """Lists the backbones that `--set backbone=NAME` takes.

    For example:

        scenery backbones
    """
    from components.train.backbones import table

    listed = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    listed.add_column("backbone", style="bold", no_wrap=True)
    listed.add_column("parameters", justify="right")
    listed.add_column("image size", justify="right")
    listed.add_column("pretrained weights")
    for backbone in table.backbones():
        parameters = f"{backbone.million_parameters} M" if backbone.million_parameters else ""
        size = f"{backbone.image_size_px} px" if backbone.image_size_px else ""
        listed.add_row(backbone.name, parameters, size, backbone.pretrained or "none")
    new_console().print(listed)
