import shutil
from itertools import pairwise

import numpy as np
import pytest
import tensorflow as tf

from components._errors import InputError
from components.formats.dataset import Shard
from components.train.augmentation import augmenter
from components.train.input_pipeline import Images, lanes, padded_batches, read_images

SIZE_PX = 32
ROWS = 7


@pytest.fixture(scope="module")
def folder(tmp_path_factory, write_examples):
    """Seven flat images, each of its own grey; four of class a, three of class b."""
    greys = [np.full((40, 48, 3), 30 * number, np.uint8) for number in range(ROWS)]
    return write_examples(tmp_path_factory.mktemp("examples") / "train", {"a": greys[:4], "b": greys[4:]})


@pytest.fixture(scope="module")
def images(folder):
    return read_images(folder, SIZE_PX)


def numbers(elements: tf.data.Dataset) -> list[int]:
    """Which image each element shows; checks that it has that image's label."""
    shown = []
    for pixels, label in elements.as_numpy_iterator():
        number = round(float(pixels.mean()) / 30)
        assert label == (number >= 4)
        shown.append(number)
    return shown


def test_in_order(images):
    assert images.in_order().element_spec == (
        tf.TensorSpec([SIZE_PX, SIZE_PX, 3], tf.uint8),
        tf.TensorSpec([], tf.int64),
    )
    assert numbers(images.in_order()) == list(range(ROWS))


def test_every_image_comes_once_an_epoch_in_a_fresh_order(images):
    shown = numbers(images.shuffled(augmenter("none"), seed=1).take(3 * ROWS))
    epochs = [shown[start : start + ROWS] for start in range(0, 3 * ROWS, ROWS)]
    assert [sorted(epoch) for epoch in epochs] == [list(range(ROWS))] * 3
    assert len({tuple(epoch) for epoch in epochs}) == 3


def test_the_order_is_a_function_of_the_seed(images):
    first, again, other = (numbers(images.shuffled(augmenter("none"), seed).take(ROWS)) for seed in (1, 1, 2))
    assert first == again != other


def test_element_i_is_the_same_for_one_worker_and_for_two(images):
    alone = list(images.shuffled(augmenter("default"), seed=3).take(4 * ROWS).as_numpy_iterator())
    for worker in range(2):
        shared = images.shuffled(augmenter("default"), seed=3, workers=2, worker=worker).take(2 * ROWS)
        for (pixels, label), (expected, expected_label) in zip(
            shared.as_numpy_iterator(), alone[worker::2], strict=True
        ):
            assert np.array_equal(pixels, expected)
            assert label == expected_label


def test_an_image_changes_from_epoch_to_epoch(images):
    shown = [pixels for pixels, _ in images.shuffled(augmenter("default"), seed=3).take(2 * ROWS).as_numpy_iterator()]
    assert len({pixels.tobytes() for pixels in shown}) > ROWS


def test_views_are_the_plain_images_and_then_changed_ones(images):
    views = list(images.views(augmenter("default"), 3, seed=0).as_numpy_iterator())
    plain = list(images.in_order().as_numpy_iterator())
    assert [label for _, label in views] == [label for _, label in plain] * 3
    assert all(np.array_equal(view, image) for (view, _), (image, _) in zip(views, plain, strict=False))
    changed = np.array([view for view, _ in views[ROWS:]]).reshape(2, ROWS, -1)
    assert not np.array_equal(*changed)
    assert numbers(images.views(augmenter("default"), 1, seed=0)) == list(range(ROWS))


@pytest.mark.parametrize(("rows", "batch_size"), [(10, 4), (8, 4), (3, 8), (1, 4)])
@pytest.mark.parametrize(("replicas", "workers"), [(1, 1), (2, 2), (4, 2)])
def test_every_replica_takes_as_many_full_batches(rows, batch_size, replicas, workers):
    elements = tf.data.Dataset.range(rows).map(lambda number: (number * 10, number))
    steps = -(-rows // batch_size) * replicas // workers
    real = []
    for worker in range(workers):
        of_worker = padded_batches(elements, batch_size, rows=rows, replicas=replicas, workers=workers, worker=worker)
        batches = list(of_worker.as_numpy_iterator())
        assert [len(weights) for _, _, weights in batches] == [batch_size // replicas] * steps
        x, labels, weights = (np.concatenate(column) for column in zip(*batches, strict=True))
        assert np.array_equal(x, labels * 10)
        assert set(weights) <= {0.0, 1.0}
        real += labels[weights == 1].tolist()
    assert sorted(real) == list(range(rows))


def test_a_worker_decodes_its_own_share_and_no_more(images):
    """Seven images make two batches of four; of these eight, each of two workers has four."""
    for worker in range(2):
        decoded = []

        def decode(encoded: tf.Tensor, decoded: list = decoded) -> tf.Tensor:
            tf.py_function(lambda: decoded.append(1), [], [])
            return images.decode(encoded)

        share = {"rows": ROWS, "replicas": 2, "workers": 2, "worker": worker}
        batches = list(padded_batches(images.encoded(), 4, **share, decode=decode).as_numpy_iterator())
        expected = list(padded_batches(images.in_order(), 4, **share).as_numpy_iterator())
        assert len(decoded) == 4
        for batch, expected_batch in zip(batches, expected, strict=True):
            for column, expected_column in zip(batch, expected_batch, strict=True):
                np.testing.assert_array_equal(column, expected_column)


def test_the_specification_of_a_model_trained_on_them(images):
    spec = images.spec("tiny")
    assert (spec.class_names, spec.image_size_px, spec.shorter_side_px, spec.backbone) == (
        ("a", "b"),
        SIZE_PX,
        256,
        "tiny",
    )


def test_other_classes_than_expected_are_refused(folder):
    with pytest.raises(InputError, match="expected the class names"):
        read_images(folder, SIZE_PX, ["b", "a"])


def test_classes_are_drawn_as_often_as_asked_for(images):
    """Class b has 3 of the 7 images; drawn twice as often, and a half as often, it has 6 of 8."""
    sampling = np.array([0.5, 2.0])
    shown = numbers(images.shuffled(augmenter("none"), 1, sampling=sampling).take(100 * 8))
    assert np.mean(np.array(shown) >= 4) == pytest.approx(6 / 8, abs=0.03)


def test_resampled_element_i_is_the_same_for_one_worker_and_for_two(images):
    options = {"sampling": np.array([0.5, 2.0])}
    alone = numbers(images.shuffled(augmenter("none"), 3, **options).take(40))
    shared = [
        numbers(images.shuffled(augmenter("none"), 3, **options, workers=2, worker=worker).take(20))
        for worker in range(2)
    ]
    assert alone[::2] == shared[0]
    assert alone[1::2] == shared[1]


def test_a_share_of_the_views_is_that_part_of_them(images):
    whole = list(images.views(augmenter("default"), 3, seed=4).as_numpy_iterator())
    bounds = [0, 2, 2, 9, 20, 21]
    for first, last in pairwise(bounds):
        part = list(images.views(augmenter("default"), 3, 4, first, last).as_numpy_iterator())
        assert len(part) == last - first
        for (pixels, label), (expected, expected_label) in zip(part, whole[first:last], strict=True):
            assert np.array_equal(pixels, expected)
            assert label == expected_label


def test_of_the_files_only_those_with_the_rows_are_read(folder, tmp_path):
    """The first of the two holds three images."""
    copy = shutil.copytree(folder, tmp_path / "train")
    images = read_images(copy, SIZE_PX)
    (copy / "0.tfrecord").unlink()
    assert numbers(images.in_order(3, ROWS)) == [3, 4, 5, 6]
    assert numbers(images.in_order(4, 6)) == [4, 5]
    assert numbers(images.in_order(5, 5)) == []


def shards(*rows: int) -> list[Shard]:
    return [Shard(name=f"{number}.tfrecord", rows=of_file, sha256="0" * 64) for number, of_file in enumerate(rows)]


@pytest.mark.parametrize(
    ("rows", "number"),
    [([7], 1), ([100, 99, 100], 3), ([100, 90], 1), ([64, 65], 2), ([50] * 33, 11), ([50] * 64, 32), ([50] * 37, 1)],
)
def test_lanes_are_as_many_of_as_many_files_each(rows, number):
    files = shards(*rows)
    found = lanes(files)
    assert len(found) == number
    assert {len(lane) for lane in found} == {len(rows) // number}
    assert sorted(shard.name for lane in found for shard in lane) == sorted(shard.name for shard in files)


@pytest.fixture
def four_files(tmp_path, write_examples):
    """Eight flat images, two in each file."""
    greys = [np.full((40, 48, 3), 30 * number, np.uint8) for number in range(8)]
    return write_examples(tmp_path / "train", {"a": greys[:4], "b": greys[4:]}, files=4)


def shown(images: Images, first: int = 0, last: int = 40, **share: int) -> list[int]:
    """Which image each element shows, from one to before another of all workers' elements."""
    share = {"workers": 1, "worker": 0} | share
    own = images.shuffled(augmenter("none"), 3, first=first, **share)
    elements = own.take((last - first) // share["workers"]).as_numpy_iterator()
    return [round(float(pixels.mean()) / 30) for pixels, _ in elements]


@pytest.mark.parametrize("workers", [2, 3, 4])
@pytest.mark.parametrize("first", [0, 12])
def test_of_several_files_element_i_is_the_same_for_any_number_of_workers(four_files, workers, first):
    images = read_images(four_files, SIZE_PX)
    alone = shown(images, last=36)
    for worker in range(workers):
        assert shown(images, first, 36, workers=workers, worker=worker) == alone[first + worker :: workers]
    assert [sorted(alone[start : start + 8]) for start in range(0, 32, 8)] == [list(range(8))] * 4


def test_a_worker_reads_its_own_files_only(four_files):
    images = read_images(four_files, SIZE_PX)
    expected = shown(images, workers=2, worker=1)
    for number in (0, 2):
        (four_files / f"{number}.tfrecord").unlink()
    assert shown(images, workers=2, worker=1) == expected
    with pytest.raises(tf.errors.NotFoundError):
        shown(images, workers=2, worker=0)


def test_going_on_in_a_late_epoch_what_comes_is_what_would_have_come(four_files, folder):
    for dataset in (four_files, folder):
        images = read_images(dataset, SIZE_PX)
        assert shown(images, first=22) == shown(images)[22:]
