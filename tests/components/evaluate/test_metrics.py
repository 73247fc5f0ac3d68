"""Scores against tables computed by hand, and against imbalanced-learn and scikit-learn."""

import math

import numpy as np
import pytest
from imblearn.metrics import classification_report_imbalanced
from sklearn.metrics import balanced_accuracy_score, f1_score, log_loss, top_k_accuracy_score

from components.evaluate.metrics import calibration_bins, score, wilson_interval

A, B, C, D = range(4)
# Three of four a are found, two of four b, no c; c is never predicted, and d has no test images.
LABELS = np.array([A, A, A, A, B, B, B, B, C, C])
PREDICTED = np.array([A, A, A, B, B, B, D, D, A, B])


def probabilities_of(predicted: np.ndarray, classes: int, confidence: float = 0.7) -> np.ndarray:
    rest = (1 - confidence) / (classes - 1)
    return np.where(np.eye(classes, dtype=bool)[predicted], confidence, rest).astype(np.float32)


@pytest.fixture(scope="module")
def scores():
    return score(["a", "b", "c", "d"], LABELS, probabilities_of(PREDICTED, 4))


def test_confusion_has_true_classes_in_rows(scores):
    assert scores.confusion == ((3, 1, 0, 0), (0, 2, 0, 2), (1, 1, 0, 0), (0, 0, 0, 0))
    assert scores.rows == 10


def test_class_with_support_and_predictions(scores):
    a = scores.per_class[A]
    assert (a.class_name, a.support, a.predicted, a.correct) == ("a", 4, 4, 3)
    assert (a.precision, a.recall, a.f1) == (0.75, 0.75, 0.75)
    assert a.specificity == pytest.approx(5 / 6)
    assert a.g_mean == pytest.approx(math.sqrt(0.75 * 5 / 6))
    assert a.index_balanced_accuracy == pytest.approx((1 + 0.1 * (0.75 - 5 / 6)) * 0.75 * 5 / 6)


def test_class_never_predicted_has_no_precision_and_a_recall_of_zero(scores):
    c = scores.per_class[C]
    assert (c.support, c.predicted, c.precision) == (2, 0, None)
    assert (c.recall, c.f1, c.g_mean, c.specificity) == (0, 0, 0, 1)


def test_class_without_support_is_undefined_but_for_specificity(scores):
    d = scores.per_class[D]
    assert (d.support, d.predicted, d.specificity) == (0, 2, 0.8)
    undefined = (d.precision, d.recall, d.recall_low, d.recall_high, d.f1, d.g_mean, d.index_balanced_accuracy)
    assert undefined == (None,) * 7


def test_summary_leaves_classes_without_support_out(scores):
    summary = scores.summary
    assert summary.accuracy == 0.5
    assert summary.balanced_accuracy == pytest.approx((0.75 + 0.5 + 0) / 3)
    assert summary.macro_f1 == pytest.approx((0.75 + 0.5 + 0) / 3)
    assert (summary.g_mean, summary.min_recall) == (0, 0)
    assert summary.top_3_accuracy == 1  # of equally probable classes the first three
    assert summary.log_loss == pytest.approx(-(math.log(0.7) + math.log(0.1)) / 2, rel=1e-6)
    assert summary.expected_calibration_error == pytest.approx(0.7 - 0.5, rel=1e-6)


def test_g_mean_is_that_of_all_recalls_not_the_mean_weighted_by_support():
    labels = np.repeat([A, B, C], [90, 6, 4])
    predicted = np.concatenate([np.full(90, A), [B, B, B, C, C, C], [C, B, B, B]])
    g_mean = score(["a", "b", "c"], labels, probabilities_of(predicted, 3)).summary.g_mean
    assert g_mean == pytest.approx((1 * 0.5 * 0.25) ** (1 / 3))
    report = classification_report_imbalanced(labels, predicted, labels=[A, B, C], output_dict=True)
    assert report["avg_geo"] > 0.95


def test_one_class_alone_has_no_specificity():
    only = score(["a", "b"], np.array([A, A]), probabilities_of(np.array([A, B]), 2))
    a, b = only.per_class
    assert (a.recall, a.specificity, a.g_mean, a.index_balanced_accuracy) == (0.5, None, None, None)
    assert (b.specificity, b.recall) == (0.5, None)
    assert only.summary.top_3_accuracy is None


def test_agrees_with_imbalanced_learn_and_scikit_learn():
    random = np.random.default_rng(3)
    labels = np.concatenate([np.arange(5), random.choice(5, 200, p=[0.6, 0.2, 0.1, 0.06, 0.04])])
    probabilities = random.dirichlet(np.ones(5), len(labels)).astype(np.float32)
    probabilities[np.arange(len(labels)), labels] += 0.4
    probabilities /= probabilities.sum(1, keepdims=True)
    predicted = probabilities.argmax(1)

    scores = score(list("abcde"), labels, probabilities)

    report = classification_report_imbalanced(labels, predicted, labels=range(5), output_dict=True)
    columns = {"pre": "precision", "rec": "recall", "spe": "specificity", "f1": "f1", "geo": "g_mean", "sup": "support"}
    for label, row in enumerate(scores.per_class):
        assert {k: getattr(row, name) for k, name in columns.items()} == pytest.approx(
            {k: report[str(label)][k] for k in columns}
        )
        assert row.index_balanced_accuracy == pytest.approx(report[str(label)]["iba"])
    assert scores.summary.balanced_accuracy == pytest.approx(balanced_accuracy_score(labels, predicted))
    assert scores.summary.macro_f1 == pytest.approx(f1_score(labels, predicted, average="macro"))
    assert scores.summary.top_3_accuracy == pytest.approx(top_k_accuracy_score(labels, probabilities, k=3))
    assert scores.summary.log_loss == pytest.approx(log_loss(labels, probabilities), rel=1e-5)


def test_class_names_may_be_those_of_the_reports_own_keys():
    scores = score(["avg_rec", "total_support"], np.array([A, B]), probabilities_of(np.array([A, B]), 2))
    assert [row.recall for row in scores.per_class] == [1, 1]


def test_a_sure_mistake_costs_a_finite_log_loss():
    sure = np.array([[1, 0]], np.float32)
    assert score(["a", "b"], np.array([B]), sure).summary.log_loss == pytest.approx(15.94, abs=0.01)


@pytest.mark.parametrize(
    ("correct", "support", "low", "high"),
    [(8, 10, 0.4902, 0.9433), (0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (1, 1, 0.2065, 1.0)],
)
def test_wilson_interval(correct, support, low, high):
    assert wilson_interval(correct, support) == pytest.approx((low, high), abs=5e-5)


def test_calibration_bins_by_confidence():
    bins = calibration_bins(np.array([0.95, 0.95, 0.55, 1.0], np.float32), np.array([True, False, True, True]))
    assert len(bins) == 15
    assert (bins[0].low, bins[-1].high) == (0, 1)
    assert {i: b.images for i, b in enumerate(bins) if b.images} == {8: 1, 14: 3}
    assert bins[14].accuracy == pytest.approx(2 / 3)
    assert bins[14].confidence == pytest.approx(2.9 / 3)
    assert (bins[0].accuracy, bins[0].confidence) == (None, None)
