"""KFP's face of evaluate."""

from kfp import dsl

from components import _image


@dsl.container_component
def evaluate(
    model: dsl.Input[dsl.Model],
    test: dsl.Input[dsl.Dataset],
    metrics: dsl.Output[dsl.Metrics],
    confusion: dsl.Output[dsl.ClassificationMetrics],
    predictions: dsl.Output[dsl.Artifact],
    report: dsl.Output[dsl.HTML],
    decision: dsl.OutputPath(str),  # type: ignore[valid-type]
    min_macro_f1: float,
    min_recall: float,
    min_support: int,
) -> dsl.ContainerSpec:
    """Scores the model on the test images class by class, and decides whether it may be exported."""
    return dsl.ContainerSpec(
        image=_image.reference("evaluate"),
        command=["python", "-m", "components.evaluate"],
        args=[
            "--model", model.path,
            "--test", test.path,
            "--metrics", metrics.path,
            "--confusion", confusion.path,
            "--predictions", predictions.path,
            "--report", report.path,
            "--decision", decision,
            "--min-macro-f1", min_macro_f1,
            "--min-recall", min_recall,
            "--min-support", min_support,
            "--executor-input", "{{$}}",
        ],
    )  # fmt: skip
