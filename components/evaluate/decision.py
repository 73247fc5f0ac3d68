"""Whether a model is good enough to be exported: absolute floors, held against its scores."""

from components.evaluate.parameters import EvaluateParameters
from components.evaluate.scores import Check, ClassScores, Decision, Scores


def decide(scores: Scores, floors: EvaluateParameters) -> Decision:
    """Blesses a model that reaches every floor.

    Args:
        scores: Of the model on the test images.
        floors: What it has to reach.

    Returns:
        The decision with a reason for each floor.
    """
    held = [c for c in scores.per_class if c.support >= floors.min_support]
    unheld = [c.class_name for c in scores.per_class if c.support < floors.min_support]
    checks = (_macro_f1_check(scores, floors), _recall_check(held, floors))
    return Decision(
        verdict="bless" if all(check.passed for check in checks) else "reject",
        checks=checks,
        min_support=floors.min_support,
        unheld=tuple(unheld),
    )


def _macro_f1_check(scores: Scores, floors: EvaluateParameters) -> Check:
    value, required = scores.summary.macro_f1, floors.min_macro_f1
    relation = "reaches" if value >= required else "is below"
    return Check(
        measure="macro_f1",
        value=value,
        required=required,
        passed=value >= required,
        reason=f"Macro-F1 {value:.3f} {relation} the required {required:g}.",
    )


def _recall_check(held: list[ClassScores], floors: EvaluateParameters) -> Check:
    required = floors.min_recall
    recalls = [c.recall for c in held if c.recall is not None]
    value = min(recalls, default=None)
    return Check(
        measure="min_recall",
        value=value,
        required=required,
        passed=required == 0 if value is None else value >= required,
        reason=_recall_reason(held, floors),
    )


def _recall_reason(held: list[ClassScores], floors: EvaluateParameters) -> str:
    if not held:
        return (
            f"No class has the {floors.min_support} test images it takes to judge its recall: add images, or "
            "lower --min-support."
        )
    failed = [c for c in held if c.recall is not None and c.recall < floors.min_recall]
    if failed:
        listed = ", ".join(f"{c.class_name} ({c.correct} of {c.support} images)" for c in failed)
        return f"Recall is below the required {floors.min_recall:g} for {listed}."
    weakest = min(held, key=lambda c: c.recall or 0.0)
    return (
        f"Recall reaches the required {floors.min_recall:g} for every class with {floors.min_support} test images "
        f"or more; the lowest is {weakest.recall:.3f}, {weakest.class_name}."
    )
