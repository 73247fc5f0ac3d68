"""KFP's face of split."""

from kfp import dsl

from components import _image


@dsl.container_component
def split(
    images: dsl.Input[dsl.Dataset],
    ledger_uri: str,
    ledger_digest: str,
    train: dsl.Output[dsl.Dataset],
    validation: dsl.Output[dsl.Dataset],
    test: dsl.Output[dsl.Dataset],
    ledger: dsl.Output[dsl.Artifact],
    report: dsl.Output[dsl.HTML],
    validation_fraction: float,
    test_fraction: float,
    folds: int,
    fold: int,
    class_changes: str,
    seed: int,
) -> dsl.ContainerSpec:
    """Assigns images to train, validation and test: by group, stratified, deterministic."""
    return dsl.ContainerSpec(
        image=_image.reference("split"),
        command=["python", "-m", "components.split"],
        args=[
            "--images", images.path,
            "--ledger-uri", ledger_uri,
            "--ledger-digest", ledger_digest,
            "--train", train.path,
            "--validation", validation.path,
            "--test", test.path,
            "--ledger", ledger.path,
            "--report", report.path,
            "--validation-fraction", validation_fraction,
            "--test-fraction", test_fraction,
            "--folds", folds,
            "--fold", fold,
            "--class-changes", class_changes,
            "--seed", seed,
            "--executor-input", "{{$}}",
        ],
    )  # fmt: skip
