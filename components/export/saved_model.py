"""The SavedModel: encoded image bytes in, labels with probabilities out."""

from functools import partial
from pathlib import Path

import keras
import tensorflow as tf

from components.formats.model import ModelSpec
from components.formats.tensors import decode_and_resize

VERSION_FOLDER = "1"  # TensorFlow Serving looks for numbered versions under the model's folder


class ImageBytesClassifier(tf.Module):
    """What `serving_default` runs: decode, turn upright, resize, classify, rank.

    Args:
        model: From RGB uint8 [batch, size, size, 3] to logits [batch, classes].
        spec: Its specification.
    """

    def __init__(self, model: keras.Model, spec: ModelSpec) -> None:
        super().__init__()
        # The variables, and not the model: TensorFlow would walk through each of Keras' layers and save it too.
        self._weights = [variable.value for variable in model.variables]
        self._logits = partial(model, training=False)
        self._spec, self._class_names = spec, tf.constant(spec.class_names)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="image_bytes")])
    def serve(self, image_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
        """Classifies encoded images.

        Args:
            image_bytes: String [batch]: JPEG (any EXIF orientation), PNG, WebP, GIF or BMP.

        Returns:
            `label`: string [batch], the most probable class. `probability`: float32 [batch], its
            probability. `probabilities`: float32 [batch, classes], in label order. `class_names`: string
            [classes].
        """
        pixels = tf.map_fn(
            lambda encoded: decode_and_resize(encoded, self._spec.shorter_side_px, self._spec.image_size_px),
            image_bytes,
            fn_output_signature=tf.TensorSpec([self._spec.image_size_px, self._spec.image_size_px, 3], tf.uint8),
        )
        probabilities = tf.nn.softmax(self._logits(pixels))
        return {
            "label": tf.gather(self._class_names, tf.argmax(probabilities, -1)),
            "probability": tf.reduce_max(probabilities, -1),
            "probabilities": probabilities,
            "class_names": self._class_names,
        }


def write_saved_model(folder: Path, model: keras.Model, spec: ModelSpec) -> None:
    """Writes `folder/1/`, ready for TensorFlow Serving, with one signature, `serving_default`."""
    classifier = ImageBytesClassifier(model, spec)
    tf.saved_model.save(classifier, str(folder / VERSION_FOLDER), signatures={"serving_default": classifier.serve})
