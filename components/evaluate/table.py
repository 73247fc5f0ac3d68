"""The result as text, for a terminal and a log."""

from collections.abc import Iterator

from components.evaluate.scores import ClassScores, Evaluation

_NAME_WIDTH = 32


def text_table(evaluation: Evaluation) -> str:
    """Returns a line per class in label order, then the verdict with its reasons."""
    return "\n".join(_lines(evaluation))


def _lines(evaluation: Evaluation) -> Iterator[str]:
    width = min(_NAME_WIDTH, max(map(len, (*evaluation.class_names, "class"))))
    yield f"{'class':<{width}}  images  precision  recall  (95 %)       F1"
    for scores in evaluation.per_class:
        yield _class_line(scores, width)
    summary = evaluation.summary
    yield (
        f"accuracy {summary.accuracy:.3f}, balanced accuracy {summary.balanced_accuracy:.3f}, "
        f"macro-F1 {summary.macro_f1:.3f}, G-mean {summary.g_mean:.3f} on {evaluation.rows} images"
    )
    for reason in evaluation.decision.reasons:
        yield f"  {reason}"
    yield f"decision: {evaluation.decision.verdict}"


def _class_line(scores: ClassScores, width: int) -> str:
    name = scores.class_name if len(scores.class_name) <= width else scores.class_name[: width - 1] + "…"
    interval = "" if scores.recall is None else f"{scores.recall_low:.2f}-{scores.recall_high:.2f}"
    return (
        f"{name:<{width}}  {scores.support:>6}  {number(scores.precision):>9}  {number(scores.recall):>6}  "
        f"{interval:<9}  {number(scores.f1):>5}"
    )


def number(value: float | None) -> str:
    """Returns two decimals, or a dash for what is undefined."""
    return "-" if value is None else f"{value:.2f}"
