"""The floors that a model has to reach."""

import numpy as np
import pytest

from components._errors import InputError
from components._parameters import from_flags
from components.evaluate.__main__ import parser
from components.evaluate.decision import decide
from components.evaluate.metrics import score
from components.evaluate.parameters import EvaluateParameters


def floors(min_macro_f1, min_recall, min_support):
    return EvaluateParameters(min_macro_f1=min_macro_f1, min_recall=min_recall, min_support=min_support)


def scores_of(**correct_of_support):
    """Scores of a model that finds `correct` of `support` images per class; what it misses it takes for `other`."""
    names = [*correct_of_support, "other"]
    labels, predicted = [], []
    for label, (correct, support) in enumerate(correct_of_support.values()):
        labels += [label] * support
        predicted += [label] * correct + [len(names) - 1] * (support - correct)
    return score(names, np.array(labels), np.eye(len(names), dtype=np.float32)[predicted])


def test_blesses_a_model_that_reaches_every_floor_exactly():
    scores = scores_of(kitchen=(5, 10), hall=(10, 10))
    decision = decide(scores, floors(scores.summary.macro_f1, 0.5, 5))
    assert decision.verdict == "bless"
    assert [(c.measure, c.value, c.passed) for c in decision.checks] == [
        ("macro_f1", pytest.approx((2 / 3 + 1) / 2), True),
        ("min_recall", 0.5, True),
    ]
    assert "kitchen" in decision.reasons[1]


def test_rejects_below_macro_f1():
    decision = decide(scores_of(kitchen=(5, 10), hall=(10, 10)), floors(0.9, 0.2, 5))
    assert decision.verdict == "reject"
    assert decision.reasons[0] == "Macro-F1 0.833 is below the required 0.9."
    assert [check.passed for check in decision.checks] == [False, True]


def test_rejects_for_one_class_below_the_recall_and_names_it():
    decision = decide(scores_of(kitchen=(9, 10), laundry=(1, 8), attic=(0, 7)), floors(0.1, 0.2, 5))
    assert decision.verdict == "reject"
    assert decision.reasons[1] == "Recall is below the required 0.2 for laundry (1 of 8 images), attic (0 of 7 images)."
    assert decision.checks[1].value == 0


def test_does_not_hold_small_classes_to_the_recall_and_says_so():
    decision = decide(scores_of(kitchen=(9, 10), laundry=(0, 4)), floors(0.1, 0.2, 5))
    assert decision.verdict == "bless"
    assert decision.unheld == ("laundry", "other")
    assert decision.reasons[2] == "Fewer than 5 test images, so not held to a recall: laundry, other."


def test_no_note_when_every_class_is_held():
    scores = score(["a", "b"], np.array([0, 1]), np.eye(2, dtype=np.float32))
    assert len(decide(scores, floors(0.6, 0.2, 1)).reasons) == 2


def test_rejects_when_no_class_has_images_enough_to_tell():
    decision = decide(scores_of(kitchen=(4, 4)), floors(0.6, 0.2, 5))
    assert decision.verdict == "reject"
    assert decision.checks[1].value is None
    assert "lower --min-support" in decision.reasons[1]


def test_a_floor_of_zero_asks_for_nothing():
    assert decide(scores_of(kitchen=(0, 4)), floors(0, 0, 5)).verdict == "bless"


@pytest.mark.parametrize(
    ("flag", "value"),
    [("--min-macro-f1", "1.1"), ("--min-macro-f1", "nan"), ("--min-recall", "-0.1"), ("--min-support", "0")],
)
def test_floors_out_of_range(flag, value):
    outputs = ("model", "test", "metrics", "confusion", "predictions", "report", "decision")
    flags = parser().parse_args([f"{flag}={value}", *(f"--{name}={name}" for name in outputs)])
    with pytest.raises(InputError, match=f"{flag}: expected .* Received: '{value}'"):
        from_flags(EvaluateParameters, flags)
