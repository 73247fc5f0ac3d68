"""What a model says about each test image: in memory, as CSV, and where it is most wrong."""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from components._storage import whole_file


@dataclass(frozen=True)
class Predictions:
    """The model's answers, in the order of the test set.

    Attributes:
        class_names: In label order.
        ids: Image ids, n of them.
        labels: True labels, int64 [n].
        probabilities: Float32 [n, classes], rows in [0, 1] that sum to 1.
    """

    class_names: tuple[str, ...]
    ids: tuple[str, ...]
    labels: NDArray[np.int64]
    probabilities: NDArray[np.float32]

    @property
    def predicted(self) -> NDArray[np.int64]:
        """The most probable labels, int64 [n]; the first of equally probable ones."""
        return np.asarray(np.argmax(self.probabilities, axis=1), np.int64)

    def confident_mistakes(self, limit: int) -> tuple[int, ...]:
        """Returns the positions of wrong predictions, the most confident first; at most `limit`."""
        wrong = np.flatnonzero(self.predicted != self.labels)
        order = np.argsort(-self.probabilities[wrong].max(axis=1), kind="stable")
        return tuple(wrong[order][:limit].tolist())


def write_predictions(file: Path, predictions: Predictions) -> None:
    """Writes one row an image as CSV (RFC 4180, UTF-8).

    The columns are `image_id`, `true_label`, `predicted_label` (class names) and, in label order,
    `p_CLASS`, the probability of each class in six digits.
    """
    names = predictions.class_names
    rows = zip(predictions.ids, predictions.labels, predictions.predicted, predictions.probabilities, strict=True)
    with whole_file(file) as partial, partial.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["image_id", "true_label", "predicted_label", *(f"p_{name}" for name in names)])
        for image_id, true, predicted, row in rows:
            writer.writerow([image_id, names[true], names[predicted], *(f"{p:.6g}" for p in row)])
