"""The confusion matrix is what kfp itself would have written."""

import numpy as np
from kfp import dsl

from components.evaluate.confusion import confusion_metadata
from components.evaluate.metrics import score


def test_metadata_equals_that_of_kfp():
    probabilities = np.array([[0.6, 0.3, 0.1], [0.1, 0.2, 0.7], [0.2, 0.7, 0.1]], np.float32)
    scores = score(["a", "b", "c"], np.array([0, 1, 1]), probabilities)

    artifact = dsl.ClassificationMetrics(name="confusion", uri="", metadata={})
    artifact.log_confusion_matrix(["a", "b", "c"], [[1, 0, 0], [0, 1, 1], [0, 0, 0]])

    assert confusion_metadata(scores) == artifact.metadata
