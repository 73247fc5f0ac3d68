"""The TFLite file: pixels in, probabilities out, for phones and small containers."""

from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from components.formats.model import ModelSpec

MODEL_FILE = "model.tflite"
LABELS_FILE = "labels.txt"


def write_tflite(folder: Path, model: keras.Model, spec: ModelSpec) -> None:
    """Writes `model.tflite` and `labels.txt`, one class name a line in label order.

    The file maps RGB uint8 [1, size, size, 3] to probabilities float32 [1, classes].

    Args:
        folder: To write into.
        model: From RGB uint8 [batch, size, size, 3] to logits [batch, classes].
        spec: Its specification.
    """

    @tf.function(input_signature=[tf.TensorSpec([1, *model.input_shape[1:]], tf.uint8, name="image")])
    def classify(image: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"probabilities": tf.nn.softmax(model(image, training=False))}

    # Handed over as a Keras 3 model, the weights would be missing from the file: the converter knows only
    # TensorFlow's own variables.
    weights = tf.Module()
    weights.all = [variable.value for variable in model.variables]
    converter = tf.lite.TFLiteConverter.from_concrete_functions([classify.get_concrete_function()], weights)
    (folder / MODEL_FILE).write_bytes(converter.convert())
    names = [name.replace("\\", "\\\\").replace("\n", "\\n") for name in spec.class_names]
    (folder / LABELS_FILE).write_text("".join(f"{name}\n" for name in names), encoding="utf-8")


def run_tflite(file: Path, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Runs a TFLite classifier image by image.

    Args:
        file: Written by `write_tflite`.
        pixels: RGB uint8 [n, size, size, 3].

    Returns:
        Probabilities float32 [n, classes].
    """
    interpreter = Interpreter(model_path=str(file))
    interpreter.allocate_tensors()
    image, probabilities = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    rows = []
    for one in pixels:
        interpreter.set_tensor(image["index"], one[None])
        interpreter.invoke()
        rows.append(interpreter.get_tensor(probabilities["index"])[0])
    return np.stack(rows)
