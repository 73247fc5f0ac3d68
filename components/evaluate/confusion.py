"""The confusion matrix in the form that the user interfaces of Kubeflow and Vertex AI draw."""

import json
from pathlib import Path
from typing import Any

from components._storage import whole_file
from components.evaluate.scores import Scores


def confusion_metadata(scores: Scores) -> dict[str, Any]:
    """Returns the metadata of a `system.ClassificationMetrics` artifact.

    It is what kfp's `dsl.ClassificationMetrics.log_confusion_matrix` writes; kfp itself is not at hand in a
    container. Rows are true classes, columns predicted ones.
    """
    return {
        "confusionMatrix": {
            "annotationSpecs": [{"displayName": name} for name in scores.class_names],
            "rows": [{"row": list(row)} for row in scores.confusion],
        }
    }


def write_confusion(file: Path, scores: Scores) -> None:
    """Writes the same as JSON."""
    with whole_file(file) as partial:
        partial.write_text(json.dumps(confusion_metadata(scores), indent=2) + "\n", encoding="utf-8")
