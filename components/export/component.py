"""KFP's face of export."""

from kfp import dsl

from components import _image


@dsl.container_component
def export(
    model: dsl.Input[dsl.Model],
    test: dsl.Input[dsl.Dataset],
    saved_model: dsl.Output[dsl.Model],
    tflite: dsl.Output[dsl.Model],
    parity: dsl.Output[dsl.Metrics],
) -> dsl.ContainerSpec:
    """Writes a SavedModel and a TFLite file, and checks that both agree with the Keras model."""
    return dsl.ContainerSpec(
        image=_image.reference("export"),
        command=["python", "-m", "components.export"],
        args=[
            "--model", model.path,
            "--test", test.path,
            "--saved-model", saved_model.path,
            "--tflite", tflite.path,
            "--parity", parity.path,
            "--executor-input", "{{$}}",
        ],
    )  # fmt: skip
