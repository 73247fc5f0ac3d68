"""KFP's face of split."""

from kfp import dsl

from components import _image


@dsl.container_component
def split(
    images: dsl.Input[dsl.Dataset],
    train: dsl.Output[dsl.Dataset],
    validation: dsl.Output[dsl.Dataset],
    test: dsl.Output[dsl.Dataset],
    ledger: dsl.Output[dsl.Artifact],
    validation_fraction: float,
    test_fraction: float,
    seed: int,
) -> dsl.ContainerSpec:
    """Assigns images to train, validation and test: by group, stratified, deterministic."""
    return dsl.ContainerSpec(
        image=_image.reference("split"),
        command=["python", "-m", "components.split"],
        args=[
            "--images", images.path,
            "--train", train.path,
            "--validation", validation.path,
            "--test", test.path,
            "--ledger", ledger.path,
            "--validation-fraction", validation_fraction,
            "--test-fraction", test_fraction,
            "--seed", seed,
            "--executor-input", "{{$}}",
        ],
    )  # fmt: skip
