from collections.abc import Sequence

import numpy as np
import pytest

from components.ingest.decode.perceptual_hash import perceptual_hash
from components.ingest.near_duplicates import near_duplicate_groups


def _hashes(*values: int) -> np.ndarray:
    return np.array(values, np.uint64)


def _groups(ids: list[str], hashes: np.ndarray, max_distance: int, keys: Sequence[str | None] = ()) -> list[str]:
    """Names groups by an id, or by a key."""
    texts = sorted({key for key in keys if key})
    ranks = np.array([texts.index(key) if key else -1 for key in keys or [None] * len(ids)], np.int32)
    naming = near_duplicate_groups(np.array(ids, np.bytes_), hashes, max_distance, ranks)
    return [texts[ranks[image]] if ranks[image] >= 0 else ids[image] for image in naming.tolist()]


def test_a_chain_is_one_group_named_after_its_smallest_id():
    hashes = _hashes(0b0000, 0b0011, 0b1111, 2**64 - 1)  # 2 bits, 2 bits, 60 bits apart
    assert _groups(["d", "b", "c", "a"], hashes, 2) == ["b", "b", "b", "a"]
    assert _groups(["d", "b", "c", "a"], hashes, 1) == ["d", "b", "c", "a"]


def test_distance_zero_groups_equal_hashes():
    assert _groups(["b", "a", "c"], _hashes(7, 7, 6), 0) == ["a", "a", "c"]


def test_keys_join_images_and_near_duplicates_join_keys():
    hashes = _hashes(0b0000, 2**64 - 1, 0b0001, 0xF0F0, 0xF0F0 << 20)
    keys = ["seaview 2", "seaview 2", "seaview 10", None, "barn"]
    tied = ["seaview 10"] * 3  # the key of the first two pictures and of the third's, which is like the first
    assert _groups(["e", "d", "c", "b", "a"], hashes, 1, keys) == [*tied, "b", "barn"]


def test_an_image_without_a_key_joins_the_key_of_its_copy():
    assert _groups(["a", "b"], _hashes(7, 7), 0, [None, "barn"]) == ["barn"] * 2


def test_no_images():
    assert _groups([], _hashes(), 4) == []


@pytest.mark.parametrize("max_distance", [0, 1, 4, 9, 16])
def test_all_pairs_give_the_same_groups(max_distance):
    rng = np.random.default_rng(max_distance)
    seeds = rng.integers(0, 2**64, 40, dtype=np.uint64)
    noise = [sum(1 << int(bit) for bit in rng.choice(64, rng.integers(0, 12), replace=False)) for _ in range(400)]
    hashes = np.repeat(seeds, 10) ^ np.array(noise, np.uint64)
    ids = [f"{number:03d}" for number in rng.permutation(len(hashes))]
    assert _groups(ids, hashes, max_distance) == _by_all_pairs(ids, hashes, max_distance)


@pytest.mark.parametrize("bits", [12, 16, 20, 24, 40])
@pytest.mark.parametrize("max_distance", [1, 4, 8])
def test_hashes_that_share_most_of_their_bits(bits, max_distance):
    """More than can be compared all with all, so that bands are cut again, dense or not."""
    rng = np.random.default_rng(bits)
    hashes = rng.integers(0, 2**bits, 3000, dtype=np.uint64) << np.uint64(20)
    ids = [f"{number:04d}" for number in rng.permutation(len(hashes))]
    assert _groups(ids, hashes, max_distance) == _by_search(ids, hashes, max_distance)


def _by_search(ids: list[str], hashes: np.ndarray, max_distance: int) -> list[str]:
    """Finds each group from one image of it outwards."""
    names, left = dict.fromkeys(ids, ""), np.ones(len(ids), bool)
    for start in range(len(ids)):
        group, frontier = [], [start] if left[start] else []
        left[start] = False
        while frontier:
            group.append(index := frontier.pop())
            near = np.flatnonzero(left & (np.bitwise_count(hashes ^ hashes[index]) <= max_distance))
            left[near] = False
            frontier.extend(near.tolist())
        names |= {ids[index]: min(ids[member] for member in group) for index in group}
    return [names[image_id] for image_id in ids]


def _by_all_pairs(ids: list[str], hashes: np.ndarray, max_distance: int) -> list[str]:
    near = np.bitwise_count(hashes[:, None] ^ hashes) <= max_distance
    group = np.array(ids, int)
    while True:
        smallest = np.where(near, group, len(group)).min(1)
        if np.array_equal(smallest, group):
            return [f"{number:03d}" for number in group]
        group = smallest


def test_a_thousand_flat_images_are_one_group():
    hashes = np.zeros(1000, np.uint64)
    assert set(_groups([f"{i:04d}" for i in range(1000)], hashes, 4)) == {"0000"}


def test_the_hash_of_ramps():
    ramp = np.repeat(np.arange(248, -8, -8, dtype=np.uint8)[None], 32, 0)  # falls from left to right
    # Antisymmetric but for its mean: of the horizontal frequencies only 0 and the odd ones are positive.
    assert perceptual_hash(ramp) == 0b11010101 << 56
    assert perceptual_hash(np.ascontiguousarray(ramp[:, ::-1])) == 1 << 63
    assert perceptual_hash(np.ascontiguousarray(ramp.T)) == sum(1 << bit for bit in (63, 55, 39, 23, 7))


@pytest.mark.parametrize("grey", [0, 1, 100, 255])
def test_the_hash_of_a_flat_image_is_free_of_rounding_noise(grey):
    expected = 0 if grey == 0 else 1 << 63
    assert perceptual_hash(np.full((50, 70), grey, np.uint8)) == expected


def test_scaling_hardly_changes_the_hash():
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (8, 8), dtype=np.uint8)
    large, small = (np.repeat(np.repeat(coarse, factor, 0), factor, 1) for factor in (32, 8))
    assert (perceptual_hash(large) ^ perceptual_hash(small)).bit_count() <= 2
