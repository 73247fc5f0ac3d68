"""Elements of the phases, from their beginning and from the middle, and the ids of the images that they show."""

import pytest
import tensorflow as tf

from components.formats.dataset import ID, LABEL
from components.formats.tensors import read_examples
from components.train.cluster import join_cluster
from components.train.input_pipeline import read_images
from components.train.parameters import TrainParameters
from components.train.training import Trainer

PARAMETERS = TrainParameters(image_size_px=32, batch_size=4, head_epochs=1, finetune_epochs=1, finetune_layers=1)


@pytest.fixture(scope="module", params=["logit_adjustment", "balanced_sampling"])
def trainer(request, datasets):
    images = [read_images(datasets / name, 32) for name in ("train", "validation")]
    return Trainer(PARAMETERS.model_copy(update={"imbalance": request.param}), *images, join_cluster({}))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["head", "finetune"])
def test_phases_know_the_images_of_each_step_and_begin_anywhere(trainer, datasets, name):
    images = read_images(datasets / "train", 32)
    labels = {row[ID]: row[LABEL] for row in read_examples(images.folder, images.dataset).as_numpy_iterator()}
    phase = trainer._phases()[name]()
    shown = list(phase.train(0).take(70).as_numpy_iterator())  # more than an epoch
    assert [labels[image] for image in phase.ids.take(70).as_numpy_iterator()] == [label for _, label in shown]
    late = list(phase.train(37).take(33).as_numpy_iterator())
    assert all((x == y).all() for (x, _), (y, _) in zip(late, shown[37:], strict=True))


@pytest.mark.slow
def test_mixed_elements_begin_at_any_step_too(datasets):
    images = [read_images(datasets / name, 32) for name in ("train", "validation")]
    trainer = Trainer(PARAMETERS.model_copy(update={"mixup_alpha": 0.4}), *images, join_cluster({}))
    phase = trainer._phases()["finetune"]()
    whole, late = (
        list(trainer._mixed(phase, first_step).take(40 - 4 * first_step).as_numpy_iterator()) for first_step in (0, 3)
    )
    for (x, shares), (y, expected) in zip(late, whole[12:], strict=True):
        tf.debugging.assert_equal(x, y)
        tf.debugging.assert_equal(shares, expected)
