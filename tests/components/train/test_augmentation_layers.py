"""Layers of Keras as random changes, inside tf.data as in training."""

import inspect
import json
import random

import keras
import numpy as np
import pytest
import tensorflow as tf

from components._errors import InputError
from components.train.augmentation import augmenter
from components.train.augmentation_layers import MIXTURES, OF_KERAS, UNFIT
from components.train.augmentation_magnitude import scaled_arguments, scaled_probability
from components.train.augmentation_seeds import Seeded

SIZE_PX = 32
IMAGE = np.random.default_rng(0).integers(0, 256, (SIZE_PX, SIZE_PX, 3), dtype=np.uint8)
SMOOTH = np.repeat(4 * np.add.outer(range(SIZE_PX), range(SIZE_PX))[..., None], 3, -1).astype(np.uint8)
# What leaves an image as it is, is 0, another value, or none of these layers' arguments.
WITH_MAGNITUDE = [
    {"layer": "RandomSaturation", "factor": [0.3, 0.4]},
    {"layer": "RandomSaturation", "factor": 0.3},
    {"layer": "RandomColorJitter", "saturation_factor": [0.7, 0.8], "brightness_factor": 0.2, "hue_factor": 0.1},
    {"layer": "RandomSharpness", "factor": [0.1, 0.2]},
    {"layer": "RandomSharpness", "factor": 0.3},
    {"layer": "RandomPosterization", "factor": 3},
    {"layer": "RandomPosterization", "factor": [4, 4]},
    {"layer": "Posterization", "bits": 3},
    {"layer": "Solarization", "threshold_factor": [0.5, 0.5]},
    {"layer": "Solarization", "threshold_factor": [0.9, 0.9], "addition_factor": 0.3},
    {"layer": "RandomCropAndResize", "target_size": [32, 32], "crop_area_factor": [0.3, 0.5]}
    | {"aspect_ratio_factor": [0.6, 1.6]},
    {"layer": "RandomContrast", "factor": 0.8},
    {"layer": "RandomBrightness", "factor": [0.8, 0.8]},
    {"layer": "RandomColorDegeneration", "factor": [0.5, 0.9]},
    {"layer": "RandomHue", "factor": [0.2, 0.6]},
    {"layer": "RandomZoom", "height_factor": [-0.6, -0.5]},
    {"layer": "RandomZoom", "height_factor": 0.6},
    {"layer": "RandomShear", "x_factor": 0.8},
    {"layer": "RandomErasing"},
    {"layer": "RandomGrayscale"},
    {"layer": "RandAugment"},
    {"layer": "AugMix"},
    {"layer": "Equalization"},
    {"layer": "RandomFlip"},
    {"layer": "GridMask", "ratio_factor": [0.5, 0.6]},
    {"layer": "ChannelShuffle"},
    {"layer": "RandomChannelShift", "factor": 0.8},
    {"layer": "RandomCutout", "height_factor": 0.8, "width_factor": [0.8, 0.8]},
]
OF_KERAS_CV = [
    layer
    for layer in WITH_MAGNITUDE
    if layer["layer"] in {"ChannelShuffle", "GridMask", "RandomChannelShift", "RandomCropAndResize", "RandomCutout"}
]
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


@pytest.mark.parametrize("layer", WITH_MAGNITUDE, ids=str)
def test_the_smaller_the_magnitude_the_smaller_the_change(layer):
    """And at 0 there is none, whatever value of an argument leaves an image as it is."""
    # In noise, what is moved by one pixel differs as much as what is moved by ten.
    image = SMOOTH if layer["layer"] in ("RandomCropAndResize", "RandomShear", "RandomZoom") else IMAGE
    images = [changed([layer], 60, magnitude, image) for magnitude in (0.0, 0.5, 1.0)]
    by_magnitude = [np.abs(each.astype(int) - image).mean() for each in images]
    assert by_magnitude[0] == 0
    assert by_magnitude[1] < 0.9 * by_magnitude[2]


@pytest.mark.parametrize("layer", WITH_MAGNITUDE, ids=str)
@pytest.mark.parametrize("magnitude", [1.5, 2.0, 5.0])
def test_a_magnitude_goes_as_far_as_the_layer_does(layer, magnitude):
    augmenter(json.dumps([layer]), magnitude)


@pytest.mark.parametrize(
    ("layer", "argument", "value", "magnitude", "scaled"),
    [
        ("RandomSaturation", "factor", [0.45, 0.55], 0.5, [0.475, 0.525]),
        ("RandomSaturation", "factor", 0.3, 0.5, [0.1, 0.4]),  # Keras takes 0.3 for -0.3 to 0.3
        ("RandomSharpness", "factor", [0.0, 1.0], 2.0, [0.0, 1.0]),
        ("RandomPosterization", "factor", 4, 0.5, [4, 6]),
        ("RandomPosterization", "factor", [4, 4], 2.0, [1, 1]),
        ("Posterization", "bits", 4, 0.5, 6),
        ("RandomBrightness", "factor", 0.8, 2.0, 1.0),
        ("RandomZoom", "height_factor", [-0.6, 0.6], 2.0, [-0.9, 0.9]),
        ("RandomRotation", "fill_value", 8.0, 0.5, 8.0),
        ("RandomZoom", "width_factor", None, 0.5, None),
        ("RandAugment", "factor", 0.5, 0.5, 0.5),
    ],
)
def test_arguments_go_from_what_leaves_an_image_as_it_is(layer, argument, value, magnitude, scaled):
    assert scaled_arguments(layer, {argument: value}, magnitude) == {argument: pytest.approx(scaled)}
    assert scaled_arguments(layer, {argument: value}, 1.0) == {argument: value}


@pytest.mark.parametrize(
    ("layer", "arguments", "magnitude", "scaled"),
    [
        ("RandomBrightness", {"factor": 0.2}, 0.5, 0.6),
        ("RandomBrightness", {"factor": 0.2}, 0.0, 0.0),
        ("Equalization", {}, 0.5, 0.3),
        ("Equalization", {}, 1.0, 0.6),
        ("Equalization", {}, 2.0, 1.0),
        ("Solarization", {"threshold_factor": 0.5}, 0.5, 0.3),
    ],
)
def test_a_layer_whose_arguments_have_no_magnitude_is_more_or_less_likely(layer, arguments, magnitude, scaled):
    assert scaled_probability(layer, 0.6, arguments, magnitude) == pytest.approx(scaled)


@pytest.mark.parametrize("layer", OF_KERAS_CV, ids=str)
def test_layers_of_keras_cv_are_functions_of_the_seed(layer, capsys):
    first, again = (changed([layer], 20) for _ in range(2))
    assert np.array_equal(first, again)
    assert len({image.tobytes() for image in first}) > 3
    assert not capsys.readouterr().out


def test_a_layer_that_draws_without_a_seed_is_named(capsys):
    """RandomCutout draws its noise from TensorFlow's generator of all."""
    augmenter('[{"layer": "RandomCutout", "height_factor": 0.5, "width_factor": 0.5, "fill_mode": "gaussian_noise"}]')
    assert "train: augmentation: RandomCutout draws without a seed: the same training" in capsys.readouterr().out


def test_python_is_left_as_it_was():
    """AugMix draws from its generator."""
    layer, state = Seeded(keras.layers.AugMix()), random.getstate()
    layer(tf.constant(IMAGE, tf.float32), tf.constant([0, 0], tf.int64))
    assert random.getstate() == state


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
        ({"layer": "RandomJpegQuality", "factor": [50, 90]}, r"Received: 'RandomJpegQuality'\."),
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
