"""Each way of making up for unequal counts, on counts that are easy to work out: 75, 20 and 5 of 100 images."""

import math
from typing import get_args

import numpy as np
import pytest

from components.train.imbalance import correction, image_shares, log_prior
from components.train.parameters import Imbalance

COUNTS = [75, 20, 5]


@pytest.mark.parametrize(
    ("strength", "expected"),
    [
        (0.0, [1, 1, 1]),
        (1.0, [100 / 225, 100 / 60, 100 / 15]),  # n / (k n_c)
        (0.5, [c / (75**0.5 + 20**0.5 + 5**0.5) * 100 for c in (75**-0.5, 20**-0.5, 5**-0.5)]),
    ],
)
def test_image_shares(strength, expected):
    shares = image_shares(COUNTS, strength)
    np.testing.assert_allclose(shares, expected, rtol=1e-12)
    assert (shares * COUNTS).sum() / 100 == pytest.approx(1)


@pytest.mark.parametrize("strength", [0.0, 0.3, 1.0])
def test_classes_are_drawn_as_often_as_the_strength_says(strength):
    drawn = image_shares(COUNTS, strength) * COUNTS
    expected = np.array(COUNTS, float) ** (1 - strength)
    np.testing.assert_allclose(drawn / drawn.sum(), expected / expected.sum(), rtol=1e-12)


def test_equal_classes_need_nothing():
    np.testing.assert_allclose(image_shares([7, 7, 7], 1.0), 1, rtol=1e-12)
    assert not correction("balanced_sampling", 1.0, [7, 7, 7]).resamples


@pytest.mark.parametrize("strength", [0.0, 0.5, 1.0])
def test_log_prior(strength):
    expected = [strength * math.log(share) for share in (0.75, 0.2, 0.05)]
    np.testing.assert_allclose(log_prior(COUNTS, strength), expected, rtol=1e-6)


def what_acts(imbalance: str, strength: float = 1.0) -> set[str]:
    of_phase = correction(imbalance, strength, COUNTS, focal_gamma=2.0)
    acting = {
        "sampling": of_phase.resamples,
        "weights": not np.allclose(of_phase.weights, 1),
        "log_prior": bool(np.any(of_phase.log_prior)),
        "focal": of_phase.focal_gamma > 0,
    }
    return {name for name, acts in acting.items() if acts}


@pytest.mark.parametrize(
    ("imbalance", "acting"),
    [
        ("none", set()),
        ("class_weight", {"weights"}),
        ("balanced_sampling", {"sampling"}),
        ("focal", {"weights", "focal"}),
        ("logit_adjustment", {"log_prior"}),
        ("crt", set()),
    ],
)
def test_every_way_corrects_once(imbalance, acting):
    assert what_acts(imbalance) == acting
    assert len(acting - {"focal"}) <= 1


def test_all_ways_are_tested():
    assert len(get_args(Imbalance)) == 6


@pytest.mark.parametrize("imbalance", get_args(Imbalance))
def test_a_strength_of_0_corrects_nothing(imbalance):
    assert what_acts(imbalance, strength=0.0) <= {"focal"}
