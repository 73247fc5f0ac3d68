"""`metrics.json`: what the scores of a model on the test images are, and what was decided on them.

The numbers come from `metrics.py`, the verdict from `decision.py`. Nothing heavy is imported here, so that
whoever reads the file (the command line, a notebook) need not have what computed it.
"""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from components._errors import InputError
from components._storage import whole_file


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Summary(_Frozen):
    """The model as a whole; every number but `log_loss` lies in [0, 1].

    Attributes:
        accuracy: Share of the images whose most probable class is the true one.
        top_3_accuracy: Share with the true class among the three most probable; None with 3 classes or fewer.
        balanced_accuracy: Mean of the recalls of the classes that have test images.
        macro_f1: Mean of their F1 scores.
        g_mean: Geometric mean of their recalls: 0 as soon as one class is never found.
        min_recall: The lowest of their recalls.
        log_loss: Mean of -ln(probability of the true class), in nats; 0 at best.
        expected_calibration_error: Mean distance between confidence and accuracy over bins of confidence.
    """

    accuracy: float
    top_3_accuracy: float | None
    balanced_accuracy: float
    macro_f1: float
    g_mean: float
    min_recall: float
    log_loss: float
    expected_calibration_error: float


class ClassScores(_Frozen):
    """One class against all others; None where the denominator is zero, never 0 in its place.

    Attributes:
        class_name: Name of the class.
        support: Test images of this class.
        predicted: Test images that the model takes for this class.
        correct: Test images in both.
        precision: correct / predicted; also None without support, where it could be nothing but 0.
        recall: correct / support.
        recall_low: Lower end of the 95 % interval of the recall.
        recall_high: Upper end of it.
        specificity: Share of the images of other classes that are not taken for this one.
        f1: Harmonic mean of precision and recall; 0 for a class with support that is never predicted.
        g_mean: Geometric mean of recall and specificity.
        index_balanced_accuracy: g_mean squared, weighted by how far recall exceeds specificity.
    """

    class_name: str
    support: int
    predicted: int
    correct: int
    precision: float | None
    recall: float | None
    recall_low: float | None
    recall_high: float | None
    specificity: float | None
    f1: float | None
    g_mean: float | None
    index_balanced_accuracy: float | None


class CalibrationBin(_Frozen):
    """The images whose confidence (probability of the predicted class) lies in (low, high].

    Attributes:
        low: Lower limit of the confidence.
        high: Upper limit of the confidence.
        images: How many test images fall in.
        confidence: Their mean confidence; None without images.
        accuracy: Share of them that are predicted correctly; None without images.
    """

    low: float
    high: float
    images: int
    confidence: float | None
    accuracy: float | None


class Scores(_Frozen):
    """Everything that was measured on the test images.

    Attributes:
        class_names: In label order.
        rows: Number of test images.
        summary: The model as a whole.
        per_class: In label order.
        confusion: Images by [true label][predicted label].
        calibration: Bins of equal width over [0, 1], in rising order of confidence.
    """

    class_names: tuple[str, ...]
    rows: int
    summary: Summary
    per_class: tuple[ClassScores, ...]
    confusion: tuple[tuple[int, ...], ...]
    calibration: tuple[CalibrationBin, ...]


class Check(_Frozen):
    """One floor, and whether the model reaches it.

    Attributes:
        measure: `macro_f1` or `min_recall`.
        value: What the model reaches; None when no class has enough test images to tell.
        required: The floor.
        passed: Whether the value reaches the floor.
        reason: The same as a sentence.
    """

    measure: str
    value: float | None
    required: float
    passed: bool
    reason: str


class Decision(_Frozen):
    """Whether the model may be exported, and why.

    Attributes:
        verdict: `bless` when every check has passed.
        checks: In the order they were made.
        min_support: Test images from which a class is held to the floor of recall.
        unheld: The classes with fewer test images, in label order.
    """

    verdict: Literal["bless", "reject"]
    checks: tuple[Check, ...]
    min_support: int
    unheld: tuple[str, ...]

    @property
    def note(self) -> str:
        """A sentence on the classes that are not held to the floor of recall; empty if all are."""
        if not self.unheld:
            return ""
        return f"Fewer than {self.min_support} test images, so not held to a recall: {', '.join(self.unheld)}."

    @property
    def reasons(self) -> tuple[str, ...]:
        """The verdict in sentences: every check, then the note if there is one."""
        sentences = (*(check.reason for check in self.checks), self.note)
        return tuple(filter(None, sentences))


class Evaluation(Scores):
    """The content of `metrics.json`: the scores, and what follows from them.

    Attributes:
        decision: Whether the model may be exported.
        format_version: Version of this format.
    """

    decision: Decision
    format_version: Literal[1] = 1


def metrics_metadata(evaluation: Evaluation) -> dict[str, float]:
    """Returns the metadata of a `system.Metrics` artifact: the defined numbers of the summary."""
    return {"test_images": evaluation.rows, **evaluation.summary.model_dump(exclude_none=True)}


def write_evaluation(file: Path, evaluation: Evaluation) -> None:
    """Writes `metrics.json`: strictly valid JSON, null where a number is undefined."""
    with whole_file(file) as partial:
        partial.write_text(evaluation.model_dump_json(indent=2) + "\n", encoding="utf-8")


def read_evaluation(file: Path) -> Evaluation:
    """Reads `metrics.json`.

    Raises:
        InputError: If the file is missing or of another format version.
    """
    try:
        return Evaluation.model_validate_json(file.read_bytes())
    except (FileNotFoundError, ValidationError) as error:
        raise InputError(
            f"{file}: expected a metrics file of format version 1. Received: {error}. "
            "Give the file that the evaluate step wrote, or run the step again with this version of Scenery."
        ) from error
