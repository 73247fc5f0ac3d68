import numpy as np
import pytest

from components._errors import InputError
from components.export.parity import MAX_DIFFERENCE, Parity, assert_parity, compare

EXPECTED = np.array([[0.7, 0.2, 0.1], [0.1, 0.5, 0.4]], np.float32)


def test_compare_by_hand():
    served = np.array([[0.7, 0.2, 0.1], [0.1, 0.4, 0.5]], np.float32)
    parity = compare(EXPECTED, served)
    assert (parity.images, parity.agreement) == (2, 0.5)
    assert parity.max_difference == pytest.approx(0.1, rel=1e-6)
    assert parity.metrics("tflite") == {
        "tflite_images": 2,
        "tflite_max_difference": parity.max_difference,
        "tflite_agreement": 0.5,
    }


def test_equal_probabilities_differ_by_nothing():
    assert compare(EXPECTED, EXPECTED) == Parity(images=2, max_difference=0.0, agreement=1.0)


@pytest.mark.parametrize("difference", [0.0, MAX_DIFFERENCE])
def test_a_difference_up_to_the_limit_passes(difference):
    assert_parity("tflite", Parity(images=2, max_difference=difference, agreement=1.0))


def test_a_larger_difference_is_refused():
    message = (
        r"tflite: expected probabilities within 0\.001 .* on 2 test images, found a difference of 0\.0020 \(50\.0% "
    )
    with pytest.raises(InputError, match=message):
        assert_parity("tflite", Parity(images=2, max_difference=2 * MAX_DIFFERENCE, agreement=0.5))


def test_what_is_not_a_number_is_refused():
    broken = EXPECTED.copy()
    broken[1, 0] = np.nan
    for pair in ((EXPECTED, broken), (broken, broken)):
        with pytest.raises(InputError, match="found a difference of nan"):
            assert_parity("saved_model", compare(*pair))
