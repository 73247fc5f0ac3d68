"""The search for a batch size, on devices that are made up."""

from math import inf

import pytest

from components._errors import InputError
from components.train.batch_size import Attempt, BatchSize, Search, sized
from components.train.parameters import TrainParameters


class Device:
    """Has memory for so many images; each doubling of the batch brings `growth` times the images a second."""

    def __init__(self, fits=inf, growth=1.5, base_bytes=1000, image_bytes=None):
        self._fits, self._growth, self._base_bytes, self._image_bytes = fits, growth, base_bytes, image_bytes
        self.tried = []

    def attempt(self, size: int) -> Attempt | None:
        self.tried.append(size)
        if size > self._fits:
            return None
        taken_bytes = self._base_bytes + size * self._image_bytes if self._image_bytes else None
        return Attempt(size, 100 * self._growth ** (size.bit_length() - 1), taken_bytes)

    def search(self, replicas=1, room_bytes=None) -> Search:
        return Search(self.attempt, replicas, room_bytes)


def test_what_does_not_fit_ends_the_search():
    device = Device(fits=300)
    found = device.search().fastest(100_000)
    assert device.tried == [32, 64, 128, 256, 512, 320]
    assert (found.batch_size, found.reason) == (128, "512 images don't fit into memory")


def test_a_quarter_more_has_to_fit_too():
    assert Device(fits=320).search().fastest(100_000).batch_size == 256
    assert Device(fits=319).search().fastest(100_000).batch_size == 128


@pytest.mark.parametrize(("growth", "batch_size"), [(1.04, 32), (1.06, 1024)])
def test_growth_of_a_twentieth_goes_on(growth, batch_size):
    assert Device(growth=growth).search().fastest(100_000).batch_size == batch_size


@pytest.mark.parametrize(("rows", "batch_size"), [(100_000, 1024), (5000, 256), (640, 64), (639, 32), (45, 4), (3, 1)])
def test_an_epoch_keeps_ten_steps(rows, batch_size):
    assert Device().search().fastest(rows).batch_size == batch_size


@pytest.mark.parametrize(("replicas", "batch_size"), [(1, 128), (3, 96), (8, 128)])
def test_replicas_share_a_batch(replicas, batch_size):
    device = Device(fits=200)
    found = device.search(replicas).fastest(100_000)
    assert found.batch_size == batch_size
    assert all(size % replicas == 0 for size in device.tried)


def test_memory_is_foretold_not_tried():
    device = Device(image_bytes=100)
    found = device.search(room_bytes=10_000).fastest(100_000)  # 80 % of it are 70 images
    assert (found.batch_size, found.reason) == (64, "128 images don't fit into memory")
    assert device.tried == [4, 8, 32, 64]


def test_less_than_usual_is_found_from_below():
    device = Device(image_bytes=100)
    assert device.search(room_bytes=3500).fastest(100_000).batch_size == 16  # 18 images
    assert device.tried == [4, 8, 16]


def test_no_memory_for_one_image():
    with pytest.raises(InputError, match="expected memory for a training step of 2 images, one for each replica"):
        Device(fits=1).search(replicas=2).fastest(100_000)


@pytest.mark.parametrize(("most", "found"), [(256, 16), (16, 16), (12, 12), (3, 3)])
def test_the_largest_that_fits(most, found):
    assert Device(fits=20).search().largest(most) == found


@pytest.mark.parametrize(
    ("batch_size", "lacks", "tried"),
    [(32, False, [1, 2, 4, 8, 16]), (91, True, [1, 2, 4, 8, 16, 32, 64]), (90, False, [1, 2, 4, 8, 16, 32, 64])],
)
def test_what_would_take_more_than_there_is(batch_size, lacks, tried):
    device = Device(image_bytes=100)
    assert device.search(room_bytes=10_000).lacks_room(batch_size) is lacks  # 90 images fill it
    assert device.tried == tried


def test_far_too_much_is_seen_early():
    device = Device(image_bytes=100)
    search = device.search(replicas=2, room_bytes=3000)  # 20 images
    assert search.lacks_room(512)
    assert device.tried == [2, 4, 8, 16]
    assert search.largest(256) == 16  # which has run, though it leaves less than a fifth


def test_batches_of_a_few_large_images():
    search = Device(image_bytes=1000).search(room_bytes=4500)
    assert search.lacks_room(4)
    assert search.largest(2) == 2


def test_a_few_images_that_do_not_fit_tell_enough():
    search = Device(fits=4, image_bytes=100).search(room_bytes=100_000)
    assert search.lacks_room(64)
    assert search.largest(32) == 4


def test_learning_rates_grow_with_the_square_root():
    given = TrainParameters(batch_size="auto", head_learning_rate=1e-3, finetune_learning_rate=0.5)
    for_batch = sized(given, BatchSize(512, "", ()))
    assert for_batch.batch_size == 512
    assert for_batch.head_learning_rate == pytest.approx(4e-3)
    assert for_batch.finetune_learning_rate == 1.0  # the most there is
    assert sized(given, BatchSize(8, "", ())).head_learning_rate == pytest.approx(5e-4)


def test_facts_are_read_back():
    found = Device(image_bytes=100).search(room_bytes=10_000).fastest(100_000)
    assert BatchSize.of(found.facts()) == found
    assert found.facts()["learning_rate_factor"] == pytest.approx(2**0.5)


def test_it_says_what_it_did():
    assert str(Device(fits=64).search().fastest(650)) == (
        "batch_size 64, because an epoch is to have 10 steps; learning rates are multiplied by 1.41, the square root "
        "of 64 / 32 (images/s by batch size: 32: 759.4, 64: 1139.1)"
    )
