"""What a person reads when a run has ended: the metrics, the decision, and where things are."""

from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from components.evaluate.scores import Evaluation, read_evaluation
from components.evaluate.table import number
from pipelines.local.run import RunResult


def print_summary(console: Console, result: RunResult) -> None:
    """Prints the per-class metrics, the decision with its reasons, and the paths of the outputs."""
    evaluation = read_evaluation(result.outputs["evaluate"]["metrics"])
    decision = _decision(evaluation, exported="export" in result.outputs)
    console.print(_class_table(evaluation), "", sep="\n")
    console.print(decision, "", soft_wrap=not console.is_terminal, sep="\n")
    console.print(_places(result), soft_wrap=True)  # so that a long path can be copied


def _class_table(evaluation: Evaluation) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("class", overflow="fold")
    for name in ("images", "precision", "recall", "95 %", "F1"):
        table.add_column(name, justify="right", no_wrap=True)
    for scores in evaluation.per_class:
        interval = "" if scores.recall is None else f"{scores.recall_low:.2f} to {scores.recall_high:.2f}"
        table.add_row(
            Text(scores.class_name),
            str(scores.support),
            number(scores.precision),
            _coloured(scores.recall),
            Text(interval, style="dim"),
            _coloured(scores.f1),
        )
    return table


def _coloured(share: float | None) -> Text:
    if share is None:
        return Text("-", style="dim")
    return Text(f"{share:.2f}", style="green" if share >= 0.8 else "yellow" if share >= 0.5 else "red")


def _decision(evaluation: Evaluation, *, exported: bool) -> Text:
    summary, decision = evaluation.summary, evaluation.decision
    text = Text(
        f"accuracy {summary.accuracy:.3f}   balanced accuracy {summary.balanced_accuracy:.3f}   "
        f"macro-F1 {summary.macro_f1:.3f}   G-mean {summary.g_mean:.3f}   on {evaluation.rows} test images\n\n"
    )
    if exported:
        text.append("blessed and exported", "bold green")
    else:
        text.append(f"{decision.verdict}, not exported", "bold red")
    for reason in decision.reasons:
        text.append(f"\n  {reason}")
    return text


def _places(result: RunResult) -> Text:
    """Lists what a person wants to open next."""
    outputs = result.outputs
    places: dict[str, Path] = {
        "report": outputs["evaluate"]["report"],
        "data report": outputs["ingest"]["report"],
        "split report": outputs["split"]["report"],
        "training report": outputs["train"]["report"],
        "metrics": outputs["evaluate"]["metrics"],
        "TensorBoard": outputs["train"]["tensorboard"],
        "rejected files": outputs["ingest"]["images"] / "rejected.jsonl",
        "ledger": outputs["split"]["ledger"] / "ledger.parquet",
    }
    if "export" in outputs:
        places |= {"SavedModel": outputs["export"]["saved_model"], "TFLite": outputs["export"]["tflite"]}
    lines = {name: _from_here(path) for name, path in places.items()}
    lines["all of it"] = f"{_from_here(result.folder)}, {result.seconds:.0f} s"
    width = max(map(len, lines))
    return Text("\n").join(Text.assemble((f"{name:<{width}}", "bold"), f"  {line}") for name, line in lines.items())


def _from_here(path: Path) -> str:
    """Returns a path relative to the current folder where it lies below it."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)
