"""Images changed a batch at a time, as for an accelerator: the same as each by itself."""

import json
from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf

from components.train import deferred
from components.train.augmentation import augmenter
from components.train.cluster import join_cluster
from components.train.deferred import Deferred
from components.train.input_pipeline import read_images
from components.train.mixing import Mixing, blended, draw, mix
from components.train.parameters import TrainParameters
from components.train.training import Trainer

SIZE_PX = 24
STORED = np.random.default_rng(0).integers(0, 256, (8, 30, 40, 3), dtype=np.uint8)
SEEDS = tf.constant([[5, number] for number in range(len(STORED))], tf.int64)
LAYERS = [
    {"layer": "RandomRotation", "factor": 0.1},
    {"layer": "RandomGrayscale", "probability": 0.5},
    {"layer": "RandomErasing", "probability": 0.5},
    {"layer": "RandomHue", "factor": 0.2, "probability": 0.3},
    {"layer": "RandomFlip", "mode": "horizontal_and_vertical"},
]
NOT_AT_ONCE = [{"layer": "RandAugment"}, {"layer": "RandomFlip", "mode": "horizontal"}]


def batch_of(augment) -> tuple:
    """Returns what an input pipeline hands on of the images, as a batch."""
    elements = tf.data.Dataset.from_tensor_slices((STORED, SEEDS))
    batches = elements.map(lambda pixels, seed: augment(pixels, SIZE_PX, seed)).batch(len(STORED))
    return next(iter(batches))


def rounded_between(augmentation):
    """Returns the augmentation with its window's pixels rounded, as they are on their way to an accelerator."""
    return replace(augmentation, window=lambda *each: deferred._whole_levels(augmentation.window(*each)))


@pytest.mark.parametrize("policy", ["none", "light", "default", "strong", json.dumps(LAYERS), json.dumps(NOT_AT_ONCE)])
def test_a_batch_is_changed_as_each_image_by_itself(policy):
    augmentation = augmenter(policy)
    later = Deferred(augmentation, SIZE_PX)
    changed = later.finished(batch_of(later)).numpy()
    expected = batch_of(rounded_between(augmentation)).numpy()
    assert changed.dtype == np.uint8
    assert np.abs(changed.astype(int) - expected).max() <= 1  # products add up in another order
    assert (changed != expected).mean() < 1e-3
    assert np.abs(changed.astype(int) - batch_of(augmentation).numpy()).max() <= 2


def test_what_cannot_be_done_at_once_is_done_in_turn(monkeypatch):
    def fail(*_: object) -> None:
        raise ValueError

    monkeypatch.setattr(deferred.tf, "vectorized_map", fail)
    later = Deferred(augmenter("light"), SIZE_PX)
    assert not later.at_once
    assert np.array_equal(later.finished(batch_of(later)), batch_of(augmenter("light")))


@pytest.mark.parametrize(
    ("policy", "at_once"),
    [
        ("light", True),
        ("default", True),
        ("strong", True),
        (json.dumps(LAYERS), True),
        (json.dumps(NOT_AT_ONCE), False),
    ],
)
def test_presets_and_most_layers_are_changed_at_once(policy, at_once):
    assert Deferred(augmenter(policy), SIZE_PX).at_once == at_once


def test_plain_images_stay_plain_beside_others():
    later = Deferred(augmenter("default"), SIZE_PX)
    plain = [later.plain(tf.constant(pixels), SIZE_PX) for pixels in STORED]
    both = tf.nest.map_structure(lambda *each: tf.stack(each), *plain[:4], later(STORED[4], SIZE_PX, SEEDS[4]))
    changed = later.finished(both).numpy()
    assert np.array_equal(changed[:4], [augmenter("default").plain(pixels, SIZE_PX) for pixels in STORED[:4]])
    assert not np.array_equal(changed[4], augmenter("default").plain(STORED[4], SIZE_PX))


@pytest.mark.parametrize("policy", ["strong", json.dumps(LAYERS), json.dumps(NOT_AT_ONCE)])
def test_images_come_out_the_same_in_any_batch(policy):
    """By themselves too, where nothing is done to many a batch that is done to some images."""
    later = Deferred(augmenter(policy), SIZE_PX)
    batch = batch_of(later)
    together = later.finished(batch).numpy()
    for index in range(len(STORED)):
        alone = tf.nest.map_structure(lambda part, index=index: part[index : index + 1], batch)
        assert np.abs(later.finished(alone)[0].numpy().astype(int) - together[index]).max() <= 1


def test_a_batch_of_plain_images():
    later = Deferred(augmenter("strong"), SIZE_PX)
    plain = [later.plain(tf.constant(pixels), SIZE_PX) for pixels in STORED]
    changed = later.finished(tf.nest.map_structure(lambda *each: tf.stack(each), *plain))
    assert np.array_equal(changed, [augmenter("none").plain(pixels, SIZE_PX) for pixels in STORED])


def test_it_is_traced_once():
    traced = []
    augmentation = augmenter("default")

    def change(*given) -> tf.Tensor:
        traced.append(1)
        return augmentation.change(*given)

    later = Deferred(replace(augmentation, change=change), SIZE_PX)
    batch = batch_of(later)
    later.finished(batch)
    already = len(traced)
    for _ in range(3):
        later.finished(batch)
    assert len(traced) == already


def test_pixels_pass_through():
    pixels = tf.constant(STORED)
    assert np.array_equal(Deferred(augmenter("default"), SIZE_PX).finished(pixels), pixels)


@pytest.mark.parametrize("mixing", [Mixing(0.4, 0.0), Mixing(0.0, 1.0), Mixing(0.4, 1.0)])
def test_images_are_mixed_after_they_are_changed(mixing):
    later, shares = Deferred(augmenter("light"), SIZE_PX), tf.eye(len(STORED))
    draws = draw(mixing, len(STORED), SEEDS[0])
    x, labels = mix(batch_of(later), shares, 3, draws, later.pair)
    expected, expected_labels = mix(batch_of(augmenter("light")), shares, 3, draws, blended)
    assert np.array_equal(later.finished(x), expected)
    assert np.array_equal(labels, expected_labels)


@pytest.mark.slow
@pytest.mark.parametrize(
    "given",
    [
        {},
        {"mixup_alpha": 0.4, "cutmix_alpha": 1.0},
        {"weights": "none", "backbone": "baseline_cnn"},
        {"xla": "on", "finetune_epochs": 1},
    ],
    ids=["in pairs of phases", "mixed", "from scratch", "compiled"],
)
def test_training_learns_the_same(datasets, monkeypatch, given):
    """As if there were a GPU, and without: the same bits of weights."""
    given = {"augmentation": "light", "image_size_px": 32, "batch_size": 8, "head_epochs": 2, "head_views": 2} | given
    parameters = TrainParameters(**{"finetune_epochs": 2, "finetune_layers": 10, "precision": "float32"} | given)
    images = [read_images(datasets / name, 32) for name in ("train", "validation")]
    results = []
    for accelerated in (False, True):
        monkeypatch.setattr(deferred, "has_gpu", lambda accelerated=accelerated: accelerated)
        results.append(Trainer(parameters, *images, join_cluster({})).train())
    expected, result = results
    assert [row["phase"] for row in result.history] == [row["phase"] for row in expected.history]
    for mine, theirs in zip(result.model.get_weights(), expected.model.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)
