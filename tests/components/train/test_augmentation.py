import numpy as np
import pytest
import tensorflow as tf

from components.train.augmentation import augment

POLICIES = ["light", "default"]
SIZE_PX = 32
IMAGE = np.random.default_rng(0).integers(0, 256, (SIZE_PX, SIZE_PX, 3), dtype=np.uint8)
SEEDS = np.array([[7, index] for index in range(100)], np.int64)


def eagerly(policy: str, seeds: np.ndarray = SEEDS, image: np.ndarray = IMAGE) -> list[np.ndarray]:
    return [augment(tf.constant(image), tf.constant(seed), policy).numpy() for seed in seeds]


def in_tf_data(policy: str, seeds: np.ndarray = SEEDS, image: np.ndarray = IMAGE) -> list[np.ndarray]:
    changed = tf.data.Dataset.from_tensor_slices(seeds).map(lambda seed: augment(tf.constant(image), seed, policy))
    assert changed.element_spec == tf.TensorSpec(image.shape, tf.uint8)
    return list(changed.as_numpy_iterator())


def test_none_changes_nothing():
    assert all(np.array_equal(image, IMAGE) for image in in_tf_data("none"))


@pytest.mark.parametrize("policy", POLICIES)
def test_the_same_seed_gives_the_same_change_eagerly_and_in_tf_data(policy):
    assert np.array_equal(eagerly(policy, SEEDS[:5]), in_tf_data(policy, SEEDS[:5]))
    assert np.array_equal(in_tf_data(policy), in_tf_data(policy))


@pytest.mark.parametrize("seeds", [SEEDS, SEEDS[:, ::-1]], ids=["by index", "by seed"])
def test_other_seeds_give_other_changes(seeds):
    assert len({image.tobytes() for image in in_tf_data("default", seeds)}) == len(seeds)


def test_light_mirrors_half_of_the_images():
    mirrored = [np.array_equal(image, IMAGE[:, ::-1]) for image in in_tf_data("light")]
    plain = [np.array_equal(image, IMAGE) for image in in_tf_data("light")]
    assert np.array_equal(mirrored, np.logical_not(plain))
    assert 35 <= sum(mirrored) <= 65  # three standard deviations of a fair coin


def test_default_mirrors_half_of_the_images():
    ramp = np.repeat(np.linspace(0, 255, SIZE_PX).astype(np.uint8)[None, :, None], SIZE_PX, 0).repeat(3, 2)
    changed = np.array(in_tf_data("default", image=ramp), int)
    falling = changed[:, :, :8].mean((1, 2, 3)) > changed[:, :, -8:].mean((1, 2, 3))
    assert 35 <= falling.sum() <= 65


def test_default_crops_and_varies_light():
    """On a ramp: a crop spans less of it, brightness moves its mean, contrast its slope."""
    ramp = np.repeat(np.linspace(64, 192, SIZE_PX).astype(np.uint8)[:, None, None], SIZE_PX, 1).repeat(3, 2)
    rows = np.array(in_tf_data("default", image=ramp), int).mean((2, 3))
    span = np.ptp(rows, axis=1)
    assert span.min() < 0.7 * 128 < 128 < span.max() < 1.3 * 128 + 2
    assert 60 < rows.mean() < 190
    assert np.ptp(rows.mean(1)) > 60


def test_saturation_leaves_grey_grey():
    grey = np.repeat(IMAGE[..., :1], 3, 2)
    changed = np.array(in_tf_data("default", image=grey), int)
    assert np.ptp(changed, axis=-1).max() <= 1


@pytest.mark.parametrize("value", [0, 255])
def test_values_do_not_wrap_around(value):
    """Brightness moves black and white by up to a fifth of the range, and never past its ends."""
    flat = np.full_like(IMAGE, value)
    changed = np.array(in_tf_data("default", image=flat), int)
    assert np.abs(changed - value).max() <= 52
    assert (changed == value).any()
