"""From a model and a test set to everything that evaluate says about them."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from components._executor import Artifact
from components._storage import whole_file
from components.evaluate.confusion import confusion_metadata, write_confusion
from components.evaluate.decision import decide
from components.evaluate.inference import predict
from components.evaluate.metrics import score
from components.evaluate.mistakes import confident_mistakes
from components.evaluate.parameters import EvaluateParameters
from components.evaluate.predictions import Predictions, write_predictions
from components.evaluate.report import MISTAKES_SHOWN, Mistake, write_report
from components.evaluate.scores import Evaluation, metrics_metadata, write_evaluation


@dataclass(frozen=True)
class Findings:
    """What was found out about a model.

    Attributes:
        evaluation: Its scores and the decision.
        predictions: What it says about each test image.
        mistakes: The wrong predictions that it is most sure of.
    """

    evaluation: Evaluation
    predictions: Predictions
    mistakes: list[Mistake]


def evaluate(
    model: Path, test: Path, floors: EvaluateParameters, batch_size: int, progress: Callable[[str], None]
) -> Findings:
    """Scores the model on the test set and decides; see `predict` for the arguments and what is raised."""
    predictions = predict(model, test, batch_size, progress)
    scores = score(predictions.class_names, predictions.labels, predictions.probabilities)
    evaluation = Evaluation(**dict(scores), decision=decide(scores, floors))
    return Findings(evaluation, predictions, confident_mistakes(test, predictions, MISTAKES_SHOWN))


def write_findings(
    findings: Findings, *, metrics: Path, confusion: Path, predictions: Path, report: Path, decision: Path
) -> dict[str, Artifact]:
    """Writes every output of the step, each file whole or not at all.

    Args:
        findings: What to write.
        metrics: Scores and decision; `.json` is added.
        confusion: The confusion matrix as KFP draws it; `.json` is added.
        predictions: A row an image; `.csv` is added.
        report: The page; `.html` is added.
        decision: The verdict, nothing else in the file.

    Returns:
        The artifacts by declared name.
    """
    evaluation = findings.evaluation
    artifacts = {
        "metrics": Artifact(metrics.with_suffix(".json"), metrics_metadata(evaluation)),
        "confusion": Artifact(confusion.with_suffix(".json"), confusion_metadata(evaluation)),
        "predictions": Artifact(predictions.with_suffix(".csv")),
        "report": Artifact(report.with_suffix(".html")),
    }
    write_evaluation(artifacts["metrics"].path, evaluation)
    write_confusion(artifacts["confusion"].path, evaluation)
    write_predictions(artifacts["predictions"].path, findings.predictions)
    write_report(artifacts["report"].path, evaluation, findings.mistakes)
    with whole_file(decision) as file:
        file.write_text(evaluation.decision.verdict)
    return artifacts
