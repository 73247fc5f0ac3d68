import numpy as np
import pytest
import tensorflow as tf

from components.train.mixing import Mixing, blended, draw, mix, mixed

SIZE_PX = 8
SEED = tf.constant([3, 0], tf.int64)


def images(*values: int) -> tf.Tensor:
    return tf.constant(np.array(values, np.uint8)[:, None, None, None] * np.ones([SIZE_PX, SIZE_PX, 3], np.uint8))


def draws(**columns: float) -> tf.Tensor:
    """The same draw for two elements."""
    row = {"mixup": 1.0, "cutmix": 1.0, "cut": 0.0, "top": 0.0, "left": 0.0} | columns
    return tf.constant([list(row.values())] * 2)


def test_mixup_by_hand():
    x, shares = mix(images(0, 200), tf.eye(2), 1, draws(mixup=0.75), blended)
    assert np.array_equal(x, images(50, 150))
    np.testing.assert_allclose(shares, [[0.75, 0.25], [0.25, 0.75]])


def test_cutmix_by_hand():
    """A quarter of the area is a square of half the side; it can begin in 5 places, of which 0.5 is the third."""
    x, shares = mix(images(0, 200), tf.eye(2), 1, draws(cutmix=0.75, cut=1.0, top=0.5, left=0.0), blended)
    expected = np.zeros([SIZE_PX, SIZE_PX, 3])
    expected[2:6, 0:4] = 200
    assert np.array_equal(x[0], expected)
    assert np.array_equal(x[1], 200 - expected)
    np.testing.assert_allclose(shares, [[0.75, 0.25], [0.25, 0.75]])


def test_the_label_is_what_is_to_be_seen_in_whole_pixels():
    """A share of 0.9 would be a side of 2.53 of 8 pixels; it is 3, and 9 of 64 pixels are the other's."""
    x, shares = mix(images(0, 1), tf.eye(2), 1, draws(cutmix=0.9, cut=1.0, top=0.999, left=0.999), blended)
    assert int(tf.reduce_sum(tf.cast(x[0, ..., 0], tf.int32))) == 9
    np.testing.assert_allclose(shares[0], [55 / 64, 9 / 64])
    assert int(x[0, -1, -1, 0]) == 1


def test_features_are_mixed():
    x, shares = mix(tf.constant([[0.0, 4.0], [8.0, 0.0]]), tf.eye(2), 1, draws(mixup=0.25, cut=1.0), blended)
    np.testing.assert_allclose(x, [[6, 1], [2, 3]])
    np.testing.assert_allclose(shares, [[0.25, 0.75], [0.75, 0.25]])
    assert Mixing(0.2, 1.0).of_features() == Mixing(0.2, 0.0)


@pytest.mark.parametrize("alpha", [0.2, 1.0, 5.0])
def test_shares_are_drawn_from_a_beta_distribution(alpha):
    """Its mean is 1/2 and its variance 1 / (4 (2 alpha + 1))."""
    shares = draw(Mixing(alpha, 0.0), 20_000, SEED)[:, 0].numpy()
    assert shares.mean() == pytest.approx(0.5, abs=0.01)
    assert shares.var() == pytest.approx(1 / (4 * (2 * alpha + 1)), rel=0.05)


@pytest.mark.parametrize(("mixing", "cut"), [(Mixing(0.5, 0.0), 0.0), (Mixing(0.0, 0.5), 1.0), (Mixing(0.5, 0.5), 0.5)])
def test_which_way(mixing, cut):
    assert draw(mixing, 4000, SEED)[:, 2].numpy().mean() == pytest.approx(cut, abs=0.03)


@pytest.mark.parametrize("mixing", [Mixing(0.3, 0.0), Mixing(0.0, 1.0), Mixing(2.0, 0.4)])
def test_the_rate_is_what_comes_out(mixing):
    columns = draw(mixing, 40_000, SEED).numpy().T
    shares = np.where(columns[2] == 1, columns[1], columns[0])
    assert (2 * shares * (1 - shares)).mean() == pytest.approx(mixing.rate, abs=0.005)


def test_a_very_small_alpha_leaves_images_whole():
    shares = draw(Mixing(1e-4, 0.0), 1000, SEED)[:, 0].numpy()
    assert np.isfinite(shares).all()
    assert np.minimum(shares, 1 - shares).mean() < 0.001


def test_nothing_to_mix():
    assert not Mixing()
    assert Mixing().rate == 0


def test_batches_are_mixed_in_pairs():
    """A step shows every image of its pair of batches, and of no other."""
    assert [list(Mixing(0.4).steps_mixed(step)) for step in range(4)] == [[0, 1], [0, 1], [2, 3], [2, 3]]
    assert [list(Mixing().steps_mixed(step)) for step in range(2)] == [[0], [1]]


def stream(worker: int = 0, workers: int = 1, mixing: Mixing = Mixing(0.4, 1.0)) -> list[tuple[np.ndarray, np.ndarray]]:  # noqa: B008 - frozen
    numbers = np.arange(64)
    pictures = np.random.default_rng(0).integers(0, 256, (64, SIZE_PX, SIZE_PX, 3), np.uint8)
    elements = tf.data.Dataset.from_tensor_slices((pictures, numbers % 4)).repeat().shard(workers, worker)
    options = {"classes": 4, "batch_size": 8, "seed": 1, "pair": blended, "workers": workers, "worker": worker}
    return list(mixed(elements, mixing, **options).take(64 // workers).as_numpy_iterator())


def test_element_i_is_the_same_for_one_worker_and_for_two():
    alone = stream()
    for worker in range(2):
        for (x, shares), (expected, expected_shares) in zip(stream(worker, 2), alone[worker::2], strict=True):
            assert np.array_equal(x, expected)
            assert np.array_equal(shares, expected_shares)


def test_labels_are_shares_of_two_classes_at_most():
    shares = np.array([shares for _, shares in stream()])
    np.testing.assert_allclose(shares.sum(1), 1, rtol=1e-6)
    assert (shares >= 0).all()
    assert ((shares > 0).sum(1) <= 2).all()


def test_it_goes_on_where_it_stopped():
    """The second pair of batches by itself."""
    numbers = np.arange(32)
    elements = tf.data.Dataset.from_tensor_slices((np.float32(numbers)[:, None], numbers % 4))
    options = {"classes": 4, "batch_size": 8, "seed": 1, "pair": blended}
    whole = list(mixed(elements, Mixing(0.4), **options).as_numpy_iterator())
    rest = list(mixed(elements.skip(16), Mixing(0.4), **options, first_group=1).as_numpy_iterator())
    for (x, shares), (expected, expected_shares) in zip(rest, whole[16:], strict=True):
        assert np.array_equal(x, expected)
        assert np.array_equal(shares, expected_shares)
