"""A training in the terminal."""

from rich.console import Console

from components._text import counted, duration, percent, visible
from components.train.report.findings import findings
from components.train.report.overview import ExposureTable, TrainingOverview
from pipelines.inspection.text import bar, name, print_head, print_heading, print_line, table

_BAR_WIDTH = 16


def print_training(console: Console, overview: TrainingOverview) -> None:
    """Prints all that the page shows, with numbers in place of pictures."""
    history = overview.history
    summary = (
        f"{visible(history.parameters['backbone'])} ({visible(history.weights)}) on "
        f"{counted(history.train.rows, 'image')} in {counted(len(history.train.counts), 'class', 'classes')}, "
        f"{overview.measure} {overview.best_score:.3f} on "
        f"{counted(history.validation.rows, 'validation image')} after {duration(overview.seconds)}"
    )
    print_head(console, "Training", summary, findings(overview))
    _print_epochs(console, overview)
    for exposures in overview.exposures:
        _print_exposure(console, exposures)
    _print_speed(console, overview)
    _print_parameters(console, overview)


def _print_epochs(console: Console, overview: TrainingOverview) -> None:
    parts = (f"{part.name} {duration(part.seconds)}" for part in overview.parts)
    print_heading(console, "Epochs", ", ".join(parts))
    epochs = table("epoch", "loss", "accuracy", "val loss", "accuracy", "macro-F1", "rate", "s")
    for number, row in enumerate(overview.history.epochs, 1):
        is_best = number == overview.best_number
        measured = (row["loss"], row["accuracy"], row["val_loss"], row["val_accuracy"], row["val_macro_f1"])
        epochs.add_row(
            f"{number} {row['phase']} {row['epoch']}{' *' if is_best else ''}",
            *(f"{value:.3f}" for value in measured),
            f"{row['learning_rate']:.2g}",
            f"{row['seconds']:.1f}",
            style="bold" if is_best else "",
        )
    console.print(epochs)
    chosen = f"* {overview.best_number} is the best by {overview.measure}: its weights are the model's"
    print_line(console, chosen, indent=0, style="dim")


def _print_exposure(console: Console, exposures: ExposureTable) -> None:
    print_heading(console, "Learned from each class", ", ".join(exposures.phases))
    classes = table("class", "images", "of all", "drawn", "weight", "logit", "exposure", "")
    for label, row in exposures.classes.items():
        classes.add_row(
            name(label),
            f"{row['images']:,}",
            percent(row["share_of_images"]),
            f"x{row['sampling']:.2f}",
            f"x{row['weight']:.2f}",
            f"{row['logit_shift']:+.2f}" if row["logit_shift"] else "0",
            percent(row["exposure"]),
            bar(row["exposure"], _BAR_WIDTH),
        )
    console.print(classes)


def _print_speed(console: Console, overview: TrainingOverview) -> None:
    if overview.speeds or overview.batch_size:
        print_heading(console, "Speed")
    if overview.batch_size:
        print_line(console, str(overview.batch_size))
    for phase, speed in overview.speeds.items():
        print_line(console, f"{phase}: {speed.computation} is taken: {speed.reason}")
        for measured in speed.measured:
            print_line(console, str(measured), indent=4)


def _print_parameters(console: Console, overview: TrainingOverview) -> None:
    print_heading(console, "Parameters", "" if overview.changed else "all at their defaults")
    for parameter in overview.changed:
        default = "" if parameter.default is None else f"  (default: {parameter.default})"
        print_line(console, f"{parameter.name}: {parameter.value}{default}")
