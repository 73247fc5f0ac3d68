"""The evaluation as one page of HTML that needs nothing from elsewhere, and no scripts."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from components._page import jpeg_uri, render, write_page
from components.evaluate.scores import ClassScores, Evaluation, Scores

MISTAKES_SHOWN = 24
_CONFUSIONS_SHOWN = 10
_MATRIX_CLASSES = 60  # beyond, its cells are too many to read, and to draw on a phone


@dataclass(frozen=True)
class Mistake:
    """A test image that the model takes for another class.

    Attributes:
        image_id: Id of the image in the dataset.
        true_name: Its class.
        predicted_name: What the model takes it for.
        probability: How sure the model is of that, in [0, 1].
        jpeg: A small picture of it.
    """

    image_id: str
    true_name: str
    predicted_name: str
    probability: float
    jpeg: bytes

    @property
    def data_uri(self) -> str:
        """The picture as the source of an <img>."""
        return jpeg_uri(self.jpeg)


@dataclass(frozen=True)
class Confusion:
    """How often one class is taken for another.

    Attributes:
        true_name: The images' class.
        predicted_name: What they are taken for.
        images: How many of them.
        share: The same as a share of the class's test images.
    """

    true_name: str
    predicted_name: str
    images: int
    share: float


def write_report(file: Path, evaluation: Evaluation, mistakes: Sequence[Mistake]) -> None:
    """Writes the page; `mistakes` are shown in their order."""
    write_page(file, page(evaluation, mistakes))


def page(evaluation: Evaluation, mistakes: Sequence[Mistake]) -> str:
    """Returns the page as HTML. Class names are escaped: they come from whoever named the folders."""
    return render(
        Path(__file__).with_name("report.html.j2"),
        evaluation=evaluation,
        weakest_first=weakest_first(evaluation.per_class),
        confusions=most_frequent_confusions(evaluation, _CONFUSIONS_SHOWN),
        matrix_is_readable=len(evaluation.class_names) <= _MATRIX_CLASSES,
        chance_log_loss=math.log(len(evaluation.class_names)),
        mistakes=mistakes,
    )


def weakest_first(per_class: Sequence[ClassScores]) -> list[ClassScores]:
    """Sorts classes by rising recall; those without test images come last."""
    return sorted(per_class, key=lambda scores: 2.0 if scores.recall is None else scores.recall)


def most_frequent_confusions(scores: Scores, limit: int) -> list[Confusion]:
    """Returns the largest cells off the diagonal of the confusion matrix, the largest first."""
    confusions = [
        Confusion(scores.class_names[true], scores.class_names[predicted], images, images / sum(row))
        for true, row in enumerate(scores.confusion)
        for predicted, images in enumerate(row)
        if images and true != predicted
    ]
    return sorted(confusions, key=lambda confusion: confusion.images, reverse=True)[:limit]
