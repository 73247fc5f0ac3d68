"""Scores of a model on labelled images, class by class, for classes of very different sizes.

Per-class numbers are imbalanced-learn's. Its averages are not used: they weigh classes by their number of
images, so a model that misses every rare class still averages well. A class without test images has no
recall; it is None here, where imbalanced-learn says 0, and takes no part in any mean.
"""

import math
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from imblearn.metrics import classification_report_imbalanced, geometric_mean_score
from numpy.typing import NDArray
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.metrics import confusion_matrix

from components.evaluate.scores import CalibrationBin, ClassScores, Scores, Summary

CALIBRATION_BINS = 15
INDEX_BALANCE_ALPHA = 0.1
_SMALLEST_PROBABILITY = float(np.finfo(np.float32).eps)
_Z_95 = 1.959963984540054  # standard normal quantile of 0.975


def score(class_names: Sequence[str], labels: NDArray[np.int64], probabilities: NDArray[np.float32]) -> Scores:
    """Scores predictions against labels.

    Args:
        class_names: In label order.
        labels: True labels, int64 [n], n >= 1.
        probabilities: Float32 [n, classes], rows in [0, 1] that sum to 1. Of equally probable classes
            the first counts as predicted.

    Returns:
        The scores; see `Scores` for their definitions.
    """
    predicted = np.argmax(probabilities, axis=1)
    confusion = confusion_matrix(labels, predicted, labels=range(len(class_names)))
    per_class = _class_scores(class_names, labels, predicted, confusion)
    calibration = calibration_bins(probabilities.max(axis=1), predicted == labels)
    return Scores(
        class_names=tuple(class_names),
        rows=len(labels),
        summary=_summary(per_class, labels, probabilities, calibration),
        per_class=per_class,
        confusion=tuple(map(tuple, confusion.tolist())),
        calibration=calibration,
    )


def wilson_interval(correct: int, support: int) -> tuple[float, float]:
    """Returns the 95 % interval of a share of `support` images, of which `correct` were right.

    Unlike the normal approximation it stays inside [0, 1] and is right for a handful of images (Wilson
    1927; Brown, Cai, DasGupta 2001, equation 4).
    """
    share, z2 = correct / support, _Z_95**2
    center = (share + z2 / (2 * support)) / (1 + z2 / support)
    half = _Z_95 * math.sqrt(share * (1 - share) / support + z2 / (4 * support**2)) / (1 + z2 / support)
    return max(0.0, center - half), min(1.0, center + half)


def calibration_bins(confidence: NDArray[np.float32], correct: NDArray[np.bool_]) -> tuple[CalibrationBin, ...]:
    """Groups images by confidence (Guo et al. 2017, "On Calibration of Modern Neural Networks", section 2).

    Args:
        confidence: Probability of the predicted class, float32 [n] in [0, 1].
        correct: Whether the prediction is right, bool [n].

    Returns:
        Bins of equal width, (low, high] each; bins without images included.
    """
    edges = np.linspace(0, 1, CALIBRATION_BINS + 1)
    bin_of = np.clip(np.digitize(confidence, edges, right=True) - 1, 0, CALIBRATION_BINS - 1)
    members = (bin_of == index for index in range(CALIBRATION_BINS))
    return tuple(
        CalibrationBin(
            low=float(low),
            high=float(high),
            images=int(inside.sum()),
            confidence=float(confidence[inside].mean(dtype=np.float64)) if inside.any() else None,
            accuracy=float(correct[inside].mean()) if inside.any() else None,
        )
        for low, high, inside in zip(edges[:-1], edges[1:], members, strict=True)
    )


def _summary(
    per_class: Sequence[ClassScores],
    labels: NDArray[np.int64],
    probabilities: NDArray[np.float32],
    calibration: Sequence[CalibrationBin],
) -> Summary:
    recalls = [c.recall for c in per_class if c.recall is not None]
    supported = [label for label, c in enumerate(per_class) if c.support]
    predicted = np.argmax(probabilities, axis=1)
    return Summary(
        accuracy=float(np.mean(predicted == labels)),
        top_3_accuracy=_top_accuracy(labels, probabilities, 3) if len(per_class) > 3 else None,
        balanced_accuracy=float(np.mean(recalls)),
        macro_f1=float(np.mean([c.f1 for c in per_class if c.f1 is not None])),
        # Of all classes at once (Kubat, Matwin 1997; Sun et al. 2006), not the mean of per-class g_mean.
        g_mean=float(geometric_mean_score(labels, predicted, labels=supported, average="multiclass")),
        min_recall=min(recalls),
        log_loss=_log_loss(labels, probabilities),
        expected_calibration_error=_expected_calibration_error(calibration),
    )


def _class_scores(
    class_names: Sequence[str],
    labels: NDArray[np.int64],
    predicted: NDArray[np.int64],
    confusion: NDArray[np.int64],
) -> tuple[ClassScores, ...]:
    with warnings.catch_warnings():
        # What is undefined becomes None in _one_class.
        warnings.simplefilter("ignore", UndefinedMetricWarning)
        # Labels are always passed: without them a class that is absent shifts every row after it. Rows are
        # keyed by label, as class names might collide with the report's own keys ("avg_pre").
        report = classification_report_imbalanced(
            labels,
            predicted,
            labels=range(len(class_names)),
            alpha=INDEX_BALANCE_ALPHA,
            output_dict=True,
            zero_division=0,
        )
    return tuple(_one_class(name, report[str(i)], confusion, i) for i, name in enumerate(class_names))


def _one_class(name: str, row: Mapping[str, Any], confusion: NDArray[np.int64], label: int) -> ClassScores:
    support, predicted = int(confusion[label].sum()), int(confusion[:, label].sum())
    correct, others = int(confusion[label, label]), int(confusion.sum()) - support
    low, high = wilson_interval(correct, support) if support else (None, None)
    return ClassScores(
        class_name=name,
        support=support,
        predicted=predicted,
        correct=correct,
        precision=float(row["pre"]) if support and predicted else None,
        recall=float(row["rec"]) if support else None,
        recall_low=low,
        recall_high=high,
        specificity=float(row["spe"]) if others else None,
        f1=float(row["f1"]) if support else None,
        g_mean=float(row["geo"]) if support and others else None,
        index_balanced_accuracy=float(row["iba"]) if support and others else None,
    )


def _top_accuracy(labels: NDArray[np.int64], probabilities: NDArray[np.float32], k: int) -> float:
    """Counts ties as `argmax` does: the first of equally probable classes comes first."""
    ranked = np.argsort(-probabilities, axis=1, kind="stable")[:, :k]
    return float(np.mean((ranked == labels[:, None]).any(axis=1)))


def _log_loss(labels: NDArray[np.int64], probabilities: NDArray[np.float32]) -> float:
    """Clips at the resolution of float32, so that one sure mistake costs 16 nats and not infinity."""
    of_truth = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    return float(-np.log(np.clip(of_truth, _SMALLEST_PROBABILITY, 1.0)).mean())


def _expected_calibration_error(bins: Sequence[CalibrationBin]) -> float:
    """Guo et al. 2017, equation 5."""
    gaps = [
        b.images * abs(b.accuracy - b.confidence) for b in bins if b.accuracy is not None and b.confidence is not None
    ]
    return sum(gaps) / sum(b.images for b in bins)
