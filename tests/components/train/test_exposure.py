"""How much is learned from each class: 75, 20 and 5 of 100 images."""

import numpy as np
import pytest

from components.train.exposure import MOST_LINES, exposure, exposure_lines, exposures
from components.train.imbalance import correction
from components.train.mixing import Mixing, draw

COUNTS = np.array([75, 20, 5])
BOTH = Mixing(0.4, 1.0)


def exposure_to(imbalance: str, mixing: Mixing = Mixing(), strength: float = 1.0) -> np.ndarray:  # noqa: B008 - frozen
    return exposure(COUNTS, correction(imbalance, strength, COUNTS), mixing)


@pytest.mark.parametrize("mixing", [Mixing(), BOTH])
@pytest.mark.parametrize("imbalance", ["none", "logit_adjustment"])
def test_what_does_not_touch_the_loss_leaves_the_shares_of_images(imbalance, mixing):
    np.testing.assert_allclose(exposure_to(imbalance, mixing), [0.75, 0.2, 0.05])


@pytest.mark.parametrize("imbalance", ["class_weight", "balanced_sampling", "focal"])
def test_a_strength_of_1_makes_classes_equal(imbalance):
    np.testing.assert_allclose(exposure_to(imbalance), 1 / 3)


@pytest.mark.parametrize("imbalance", ["class_weight", "balanced_sampling"])
def test_a_strength_of_a_half_takes_roots(imbalance):
    roots = np.sqrt(COUNTS)
    np.testing.assert_allclose(exposure_to(imbalance, strength=0.5), roots / roots.sum())


def test_mixing_undoes_a_part_of_the_weights_but_nothing_of_the_sampling():
    """MixUp of alpha 1 has a rate of 1/3: 2/3 of the balanced exposure and 1/3 of the shares of images."""
    np.testing.assert_allclose(exposure_to("balanced_sampling", Mixing(1.0)), 1 / 3)
    np.testing.assert_allclose(exposure_to("class_weight", Mixing(1.0)), [17 / 36, 13 / 45, 43 / 180])


def test_it_is_what_a_simulation_counts():
    rng = np.random.default_rng(0)
    weights = correction("class_weight", 0.7, COUNTS).weights
    first, second = rng.choice(3, (2, 200_000), p=COUNTS / 100)
    columns = draw(BOTH, 200_000, np.array([1, 2])).numpy().T.astype(float)
    share = np.where(columns[2] == 1, columns[1], columns[0])[:, None]
    labels = share * np.eye(3)[first] + (1 - share) * np.eye(3)[second]
    counted = (labels * (labels @ weights)[:, None]).sum(0)
    np.testing.assert_allclose(exposure_to("class_weight", BOTH, 0.7), counted / counted.sum(), atol=0.005)


def test_rows_and_lines():
    counts = {"coast": 75, "forest": 20, "street": 5}
    rows = exposures(counts, correction("class_weight", 1.0, list(counts.values())), Mixing())
    assert rows["street"] == {
        "images": 5,
        "share_of_images": 0.05,
        "sampling": 1.0,
        "weight": 6.6667,
        "logit_shift": 0.0,
        "exposure": 0.33333,
    }
    assert exposure_lines(rows) == [
        "exposure of street: 5 images (5.0%), drawn x1.00, weight x6.67 -> 33.3%",
        "exposure of forest: 20 images (20.0%), drawn x1.00, weight x1.67 -> 33.3%",
        "exposure of coast: 75 images (75.0%), drawn x1.00, weight x0.44 -> 33.3%",
    ]


def test_logit_adjustment_is_told():
    [line] = exposure_lines(exposures({"a": 5}, correction("logit_adjustment", 1.0, [5]), Mixing()))
    assert line == "exposure of a: 5 images (100.0%), drawn x1.00, weight x1.00 -> 100.0%"
    rows = exposures({"a": 1, "b": 3}, correction("logit_adjustment", 1.0, [1, 3]), Mixing())
    assert exposure_lines(rows)[0].endswith("weight x1.00, logits -1.39 -> 25.0%")


def test_of_many_classes_the_rarest_are_told():
    counts = {f"class {number}": number for number in range(1, MOST_LINES + 6)}
    lines = exposure_lines(exposures(counts, correction("none", 1.0, list(counts.values())), Mixing()))
    assert len(lines) == MOST_LINES + 1
    assert lines[0].startswith("exposure of class 1: 1 images")
    assert lines[-1] == "exposure of 5 larger classes: in history.json"
