"""Elements of the phases, from their beginning and from the middle, and the ids of the images that they show."""

import shutil

import pytest
import tensorflow as tf

from components.formats.dataset import ID, LABEL
from components.formats.tensors import read_examples
from components.train.augmentation import augmenter
from components.train.checkpoint import CheckpointFolder
from components.train.classifier import Classifier
from components.train.cluster import join_cluster
from components.train.continuation import Continuation
from components.train.input_pipeline import read_images
from components.train.parameters import TrainParameters
from components.train.phases import Phase, Phases

PARAMETERS = TrainParameters(
    image_size_px=32, batch_size=4, head_views=2, head_epochs=1, finetune_epochs=1, finetune_layers=1
)


def phases_of(datasets, folder: CheckpointFolder | None = None, **parameters) -> Phases:
    given, cluster = PARAMETERS.model_copy(update=parameters), join_cluster({})
    images = [read_images(datasets / name, 32) for name in ("train", "validation")]
    return Phases(given, *images, Classifier(given, 3), cluster, Continuation(cluster, folder), augmenter("default"))


@pytest.fixture(scope="module", params=["logit_adjustment", "balanced_sampling"])
def phases(request, datasets):
    return phases_of(datasets, imbalance=request.param)


def batches(phase: Phase, first_step: int, end: int) -> list:
    return list(phase.train(first_step).take(end - first_step).as_numpy_iterator())


def check_same(late: list, whole: list) -> None:
    for pair, expected in zip(late, whole, strict=True):
        for tensor, expected_tensor in zip(pair, expected, strict=True):
            tf.debugging.assert_equal(tensor, expected_tensor)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["head", "finetune"])
def test_phases_know_the_images_of_each_step_and_begin_anywhere(phases, datasets, name):
    images = read_images(datasets / "train", 32)
    labels = {row[ID]: row[LABEL] for row in read_examples(images.folder, images.dataset).as_numpy_iterator()}
    phase = phases.set_up(name)
    shown = batches(phase, 0, 18)  # more than an epoch
    assert [labels[image] for image in phase.ids(0).take(72).as_numpy_iterator()] == [
        label for _, batch in shown for label in batch
    ]
    assert list(phase.ids(36).take(36)) == list(phase.ids(0).skip(36).take(36))
    check_same(batches(phase, 9, 18), shown[9:])


@pytest.mark.slow
@pytest.mark.parametrize("name", ["head", "finetune"])
def test_mixed_elements_begin_at_any_step_too(datasets, name):
    phase = phases_of(datasets, mixup_alpha=0.4).set_up(name)
    check_same(batches(phase, 3, 10), batches(phase, 0, 10)[3:])


@pytest.mark.slow
@pytest.mark.parametrize("name", ["head", "finetune"])
def test_validation_has_all_images_once_and_fills_its_last_step_up(datasets, name):
    phase = phases_of(datasets).set_up(name)
    assert (phase.steps, phase.validation_steps) == ({"head": 15, "finetune": 8}[name], 4)
    labels, weights = (tf.concat(column, 0) for column in zip(*(rest for _, *rest in phase.validation), strict=True))
    assert weights.numpy().tolist() == [1] * 15 + [0]
    assert labels[:15].numpy().tolist() == [0] * 5 + [1] * 5 + [2] * 5


@pytest.mark.slow
def test_features_that_are_left_to_compute_are_computed_as_those_before_an_interruption(datasets, tmp_path):
    folder = CheckpointFolder(tmp_path, "key")
    before = phases_of(datasets, folder, precision="mixed_bfloat16").set_up("head")
    validation = "head: features of validation images"
    computed = folder.kept(validation).x.copy()
    shutil.rmtree(folder.folder / validation)
    again = phases_of(datasets, folder, precision="float32").set_up("head")
    assert again.features_speed == before.features_speed
    assert folder.kept(validation).x.tobytes() == computed.tobytes()
