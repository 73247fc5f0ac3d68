"""What is known of all images at once: what it says, and what it takes of memory."""

import gc
import tracemalloc
from contextlib import contextmanager

import numpy as np
import pytest

from components.ingest.decode.images import StoredImage
from components.ingest.decoded_columns import DecodedColumns, group_keys
from components.ingest.exact_duplicates import exact_duplicates, rejected_duplicates
from components.ingest.near_duplicates import near_duplicate_groups

IMAGES = 20_000


def stored(number, image_id=None, label="coast", group_key=None, **columns):
    values = {
        "id": image_id or np.random.default_rng(number).bytes(32).hex(),
        "label": label,
        "image_bytes": 4000,
        "width_px": 64,
        "height_px": 64,
        "source_uri": f"{label}/{number}.jpg",
        "source_width_px": 640,
        "source_height_px": 640,
        "group_key": group_key,
        "perceptual_hash": number,
        "sharpness": 100.0,
        "brightness": 0.5,
        "entropy_bits": 7.0,
        "quality_flags": (),
    }
    return StoredImage(**values | columns)


def columns_of(folder, images):
    decoded = DecodedColumns(folder)
    for image in images:
        decoded.append(image)
    return decoded


@contextmanager
def growth():
    """Measures by how many bytes the memory of Python and NumPy grows while the block runs: at its end, at its peak."""
    grown = {}
    tracemalloc.start()
    try:
        yield grown
        gc.collect()
        grown["end"], grown["peak"] = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()


def test_an_image_takes_fifty_bytes_and_while_groups_are_found_two_hundred(tmp_path):
    hashes = np.random.default_rng(0).integers(0, 2**64, IMAGES, np.uint64).tolist()
    images = (
        stored(n, f"{n:064x}", f"class {n % 9}", f"listing {n // 20}", perceptual_hash=hashes[n]) for n in range(IMAGES)
    )
    group_keys([])  # what Arrow loads when it is first used is of no account
    with growth() as grown:
        decoded = columns_of(tmp_path, images)
    assert grown["end"] < 50 * IMAGES + 512 * 2000  # a few hundred rows wait for their way to disk
    with growth() as grown:
        duplicates = exact_duplicates(decoded, "drop")
        keys = group_keys(decoded.images)
        naming = near_duplicate_groups(decoded.ids, decoded.hashes, 4, keys.rank)
    assert duplicates.kept.all()
    assert len(naming) == IMAGES
    assert grown["peak"] < 200 * IMAGES


@pytest.mark.parametrize("ending", ["00", "0000", "ff"])
def test_ids_that_end_in_zeros_are_told_apart_and_told_whole(tmp_path, ending):
    ids = ["ab" * (32 - len(ending) // 2) + ending, "ab" * 31 + "01", "00" * 32, "00" * 31 + "ab"]
    decoded = columns_of(tmp_path, [stored(n, image_id) for n, image_id in enumerate(ids)])
    assert exact_duplicates(decoded, "drop").kept.all()
    assert [decoded.id_text(number) for number in range(4)] == ids
    assert np.argsort(decoded.ids).tolist() == np.argsort(ids).tolist()


def test_keys_are_ranked_as_text_is_sorted(tmp_path):
    keys = ["10", None, "9", "ü", "\U0001f600", "\uffff", "10", None]
    ranked = group_keys(columns_of(tmp_path, [stored(n, group_key=key) for n, key in enumerate(keys)]).images)
    assert ranked.texts.to_pylist() == sorted(set(filter(None, keys)))
    assert [ranked.text(rank) if rank >= 0 else None for rank in ranked.rank.tolist()] == keys


def test_without_images_there_are_no_keys(tmp_path):
    assert len(group_keys(columns_of(tmp_path, []).images).rank) == 0


def test_the_first_of_the_same_images_is_kept_and_named(tmp_path):
    ids = {"a": "aa" * 32, "b": "bb" * 32, "c": "cc" * 32}
    came = ["c", "a", "b", "a", "a", "c"]
    decoded = columns_of(tmp_path, [stored(n, ids[name]) for n, name in enumerate(came)])
    found = exact_duplicates(decoded, "drop")
    assert found.first.tolist() == [0, 1, 2, 1, 1, 0]
    assert [(file.source_uri, file.reason) for file in rejected_duplicates(decoded, found)] == [
        ("coast/3.jpg", "exact duplicate of 'coast/1.jpg'"),
        ("coast/4.jpg", "exact duplicate of 'coast/1.jpg'"),
        ("coast/5.jpg", "exact duplicate of 'coast/0.jpg'"),
    ]


def test_the_first_conflicts_are_told(tmp_path):
    labels = ["hall", "coast", "coast", "attic"]
    images = [stored(n, "aa" * 32, label) for n, label in enumerate(labels)] + [stored(4)]
    decoded = columns_of(tmp_path, images)
    reason = (
        "the same image under several labels: 'attic/3.jpg', 'coast/1.jpg', 'hall/0.jpg' and 1 more; "
        "keep it in one class folder (id aaaaaaaaaaaa)"
    )
    for choice, kept in (("drop", [4]), ("keep_first", [0, 4])):
        found = exact_duplicates(decoded, choice)
        assert np.flatnonzero(found.kept).tolist() == kept
        assert {file.reason for file in rejected_duplicates(decoded, found)} == {reason}
