import keras
import numpy as np
import pytest
import tensorflow as tf

from components.train.backbones.baseline_cnn import FILTERS
from components.train.classifier import Classifier
from components.train.parameters import TrainParameters

SIZE_PX = 32


@pytest.fixture(scope="module")
def classifier():
    return Classifier(TrainParameters(image_size_px=SIZE_PX, dropout=0.5, seed=4), classes=3)


@pytest.fixture
def pixels():
    return tf.constant(np.random.default_rng(0).integers(0, 256, (4, SIZE_PX, SIZE_PX, 3), dtype=np.uint8))


def names(variables) -> list[str]:
    return [variable.path for variable in variables]


def moving_statistics(model: keras.Model) -> dict[str, np.ndarray]:
    return {v.path: v.numpy() for v in model.variables if "moving" in v.path}


def test_frozen_only_the_head_learns(classifier):
    classifier.unfreeze(0)
    assert names(classifier.model.trainable_variables) == ["logits/kernel", "logits/bias"]


def test_activations_are_those_of_what_learns_and_the_largest_twice(classifier):
    # Sides 32 to 2 of 32 to 256 channels, three times and halved once; what follows the average; twice the first.
    blocks = sum((3 * side**2 + (side // 2) ** 2) * n for side, n in zip((32, 16, 8, 4, 2), FILTERS, strict=True))
    baseline = Classifier(TrainParameters(backbone="baseline_cnn", image_size_px=SIZE_PX), classes=3)
    assert baseline.activation_bytes() == 4 * (blocks + 3 * 256 + 2 * 32**2 * 32)
    largest = 16 * 16 * 96  # the first block that expands
    classifier.unfreeze(0)
    assert classifier.activation_bytes() == 4 * 2 * largest
    classifier.unfreeze(3)  # head_conv, head_bn, head_relu
    assert classifier.activation_bytes() == 4 * (3 * 1280 + 2 * largest)


def test_unfreezing_counts_layers_from_the_output_and_leaves_batch_normalization_out(classifier):
    classifier.unfreeze(4)  # block15_project_bn, head_conv, head_bn, head_relu
    assert names(classifier.model.trainable_variables) == ["head_conv/kernel", "logits/kernel", "logits/bias"]
    classifier.unfreeze(5)
    assert names(classifier.model.trainable_variables)[0] == "block15_project_conv/kernel"


def test_unfreezing_more_layers_than_there_are_unfreezes_all(classifier):
    classifier.unfreeze(10_000)
    learning = names(classifier.model.trainable_variables)
    assert learning[0] == "stem_conv/kernel"
    assert not [name for name in learning if "_bn" in name]


def test_unfreezing_can_be_taken_back(classifier):
    classifier.unfreeze(10_000)
    classifier.unfreeze(0)
    assert len(classifier.model.trainable_variables) == 2


def test_batch_normalization_keeps_its_statistics_in_a_training_step(classifier, pixels):
    classifier.unfreeze(10_000)
    before, kernel = moving_statistics(classifier.model), classifier.model.trainable_variables[0].numpy()
    optimizer = keras.optimizers.SGD(0.01)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(classifier.model(pixels, training=True) ** 2)
    optimizer.apply(tape.gradient(loss, classifier.model.trainable_variables), classifier.model.trainable_variables)
    assert len(before) == 98
    assert not np.array_equal(kernel, classifier.model.trainable_variables[0].numpy())
    for name, value in moving_statistics(classifier.model).items():
        np.testing.assert_array_equal(value, before[name], err_msg=name)


@pytest.mark.parametrize("learning", [10_000, -1])
def test_all_layers(classifier, learning):
    classifier.unfreeze(learning)
    assert len(classifier.model.trainable_variables) == 49 + 2  # a kernel for each of its 49 convolutions


@pytest.fixture(scope="module")
def from_scratch():
    return Classifier(TrainParameters(backbone="baseline_cnn", image_size_px=SIZE_PX), classes=3)


@pytest.mark.parametrize("last_layers", [0, 3])
def test_random_weights_learn_as_a_whole_and_so_do_the_statistics(from_scratch, pixels, last_layers):
    from_scratch.unfreeze(last_layers)
    assert not from_scratch.pretrained
    learning = names(from_scratch.model.trainable_variables)
    assert {"conv1/kernel", "conv1_bn/gamma", "logits/kernel"} <= set(learning)
    before = moving_statistics(from_scratch.model)
    from_scratch.model(pixels, training=True)
    changed = moving_statistics(from_scratch.model)
    assert len(changed) == 10
    assert not [name for name in changed if np.array_equal(changed[name], before[name])]


def test_layers_of_nested_models_count_and_composed_layers_are_frozen_inside():
    """ConvNeXt's stem and the layers between its stages are models of their own."""
    classifier = Classifier(TrainParameters(backbone="convnext_tiny", weights="none", image_size_px=SIZE_PX), classes=2)
    classifier.pretrained = True
    classifier.unfreeze(0)
    assert names(classifier.model.trainable_variables) == ["logits/kernel", "logits/bias"]
    classifier.unfreeze(1)
    assert len(classifier.model.trainable_variables) == 2 + 2  # layer normalization's


def test_the_head_as_asked_for(pixels):
    parameters = TrainParameters(backbone="baseline_cnn", image_size_px=SIZE_PX, pooling="max", head_dense_units=7)
    classifier = Classifier(parameters, classes=3)
    assert classifier.features.get_layer("maximum")
    kernels = [variable.shape for variable in classifier.head.trainable_variables]
    assert kernels == [(256, 7), (7,), (7, 3), (3,)]
    assert len([layer for layer in classifier.head.layers if isinstance(layer, keras.layers.Dropout)]) == 2
    logits = classifier.model(pixels, training=False)
    np.testing.assert_allclose(logits, classifier.head(classifier.features(pixels), training=False), atol=1e-5)


def test_the_model_is_the_head_of_the_features(classifier, pixels):
    features = classifier.features(pixels, training=False)
    assert features.shape == (4, 1280)
    logits = classifier.model(pixels, training=False)
    assert (logits.shape, logits.dtype) == ((4, 3), tf.float32)
    np.testing.assert_allclose(logits, classifier.head(features, training=False), atol=1e-5)


def test_dropout_acts_in_training_only(classifier):
    features = tf.ones([1, 1280])
    quiet = [classifier.head(features, training=False).numpy() for _ in range(2)]
    assert np.array_equal(*quiet)
    assert not np.array_equal(classifier.head(features, training=True), quiet[0])


def test_the_head_begins_as_the_seed_says():
    kernels = []
    for seed in (1, 1, 2):
        parameters = TrainParameters(image_size_px=SIZE_PX, seed=seed)
        kernels.append(Classifier(parameters, 2).head.get_layer("logits").kernel.numpy())
    assert np.array_equal(kernels[0], kernels[1])
    assert not np.array_equal(kernels[0], kernels[2])


def test_the_head_can_begin_again():
    classifier = Classifier(TrainParameters(image_size_px=SIZE_PX, head_dense_units=7), 2)
    begun = classifier.head.get_weights()
    classifier.head.set_weights([weights + 1 for weights in begun])
    classifier.reset_head()
    assert all(np.array_equal(*weights) for weights in zip(classifier.head.get_weights(), begun, strict=True))
