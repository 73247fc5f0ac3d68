"""Layers of Keras as random changes, inside tf.data as in training."""

import inspect
import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from components._errors import InputError
from components.train.augmentation import augmenter
from components.train.augmentation_layers import MIXTURES, OF_KERAS, UNFIT

SIZE_PX = 32
IMAGE = np.random.default_rng(0).integers(0, 256, (SIZE_PX, SIZE_PX, 3), dtype=np.uint8)
NEEDED = {
    "CenterCrop": {"height": 20, "width": 20},
    "RandomCrop": {"height": 20, "width": 20},
    "Resizing": {"height": 20, "width": 20},
    "RandomPosterization": {"factor": 4},
    "RandomZoom": {"height_factor": 0.2},
    "RandomTranslation": {"height_factor": 0.2, "width_factor": 0.2},
}
OF_IMAGES = [
    name
    for name, layer in inspect.getmembers(keras.layers, inspect.isclass)
    if layer.__module__.startswith(OF_KERAS) and name not in UNFIT | set(MIXTURES)
]


def changed(layers: list, images: int = 100, magnitude: float = 1.0, image: np.ndarray = IMAGE) -> np.ndarray:
    augment = augmenter(json.dumps(layers), magnitude)
    seeds = tf.constant([[5, number] for number in range(images)], tf.int64)
    elements = tf.data.Dataset.from_tensor_slices(seeds).map(
        lambda seed: augment(tf.constant(image), len(image), seed), 4
    )
    assert elements.element_spec == tf.TensorSpec(image.shape, tf.uint8)
    return np.array(list(elements.as_numpy_iterator()))


@pytest.mark.parametrize("name", OF_IMAGES)
def test_every_layer_of_keras_is_a_function_of_the_seed(name):
    """But for the choice of AugMix's chains, which Keras makes once, when the layer is traced."""
    layers = [{"layer": name, **NEEDED.get(name, {})}]
    if "factor" in inspect.signature(getattr(keras.layers, name).__init__).parameters and name not in NEEDED:
        layers[0]["factor"] = 0.3
    augment = augmenter(json.dumps(layers))
    elements = tf.data.Dataset.range(6).map(
        lambda index: augment(tf.constant(IMAGE), len(IMAGE), tf.stack([tf.constant(5, tf.int64), index % 3])), 2
    )
    first, second = np.split(np.array(list(elements.as_numpy_iterator())), 2)
    assert np.array_equal(first, second)


def test_most_layers_are_there():
    assert {"RandomFlip", "RandomRotation", "RandAugment", "AugMix", "RandomErasing", "RandomContrast"} < set(OF_IMAGES)


def test_other_seeds_give_other_changes():
    rotated = changed([{"layer": "RandomRotation", "factor": 0.2}], images=20)
    assert len({image.tobytes() for image in rotated}) == 20


@pytest.mark.parametrize("probability", [0.0, 0.25, 1.0])
def test_each_image_is_changed_with_the_probability(probability):
    """RandomInvert of a factor from 1 to 1 always inverts."""
    images = changed([{"layer": "RandomInvert", "probability": probability, "factor": [1.0, 1.0]}], images=400)
    inverted = [np.array_equal(image, 255 - IMAGE) for image in images]
    plain = [np.array_equal(image, IMAGE) for image in images]
    assert np.array_equal(inverted, np.logical_not(plain))
    assert np.mean(inverted) == pytest.approx(probability, abs=0.065)  # three standard deviations


def test_layers_draw_independently():
    """Two mirrors of probability 1/2 leave a quarter as it is."""
    layers = [{"layer": "RandomFlip", "mode": mode} for mode in ("horizontal", "vertical")]
    images = changed(layers, images=400)
    plain = np.mean([np.array_equal(image, IMAGE) for image in images])
    assert plain == pytest.approx(0.25, abs=0.065)


def test_layers_come_one_after_the_other():
    grey_then_dark = [
        {"layer": "RandomGrayscale", "factor": 1.0},
        {"layer": "RandomBrightness", "factor": [-0.5, -0.5]},
    ]
    [image] = changed(grey_then_dark, images=1)
    assert np.ptp(image.astype(int), axis=-1).max() == 0
    assert image.max() <= 128


@pytest.mark.parametrize("magnitude", [0.0, 0.5, 1.0, 2.0])
def test_the_magnitude_multiplies_the_factors(magnitude):
    grey = np.full_like(IMAGE, 128)
    images = changed([{"layer": "RandomBrightness", "factor": [0.1, 0.1]}], 1, magnitude, grey)
    assert np.abs(images.astype(int) - 128 - round(25.5 * magnitude)).max() <= 1


def test_what_is_cut_off_is_scaled_up_again():
    ramp = np.repeat(np.linspace(0, 255, SIZE_PX).astype(np.uint8)[:, None, None], SIZE_PX, 1).repeat(3, 2)
    [image] = changed([{"layer": "CenterCrop", "height": 16, "width": 16}], 1, image=ramp)
    assert np.ptp(image[:, 0, 0]) == pytest.approx(255 * 15 / 31, abs=3)


def test_a_layer_of_keras_cv_where_keras_has_none():
    masked = changed([{"layer": "GridMask", "ratio_factor": [0.5, 0.5], "fill_mode": "constant", "fill_value": 0}], 5)
    assert ((masked == 0).mean((1, 2, 3)) > 0.1).all()


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (
            {"layer": "RandomSpin"},
            r"expected one of keras\.layers: .*RandomFlip.*; or of keras_cv\.layers: .*GridMask.*\. Received: 'RandomS",
        ),
        ({"layer": "Dense", "units": 3}, r"Received: 'Dense'\."),
        ({"layer": "RandomApply"}, r"Received: 'RandomApply'\."),
        ({"layer": "MixUp", "alpha": 0.2}, r"MixUp changes labels too\. Set mixup_alpha instead\."),
        ({"layer": "CutMix"}, r"CutMix changes labels too\. Set cutmix_alpha instead\."),
        ({"layer": "RandomFlip", "modus": "x"}, r"RandomFlip takes probability, mode\. Received: modus\."),
        (
            {"layer": "RandomFlip", "mode": "diagonal"},
            r"Its mode is one of horizontal, vertical, hor",
        ),
        ({"layer": "RandomRotation"}, r"RandomRotation takes probability, factor, fill_mode, .*fails: .*missing"),
        ({"layer": "RandomBrightness", "factor": "much"}, r"RandomBrightness takes probability, factor, value_range\."),
    ],
)
def test_what_no_layer_takes_is_refused_before_training(layer, message):
    with pytest.raises(InputError, match=f"(?s)^augmentation: .*{message}"):
        augmenter(json.dumps([layer]))


def test_a_magnitude_that_is_too_large_is_named():
    with pytest.raises(InputError, match=r"RandomBrightness takes .* At magnitude 5 it fails: "):
        augmenter('[{"layer": "RandomBrightness", "factor": 0.5}]', 5.0)
