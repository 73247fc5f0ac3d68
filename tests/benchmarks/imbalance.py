"""What each way of making up for rare classes is worth: balanced accuracy on test images against doing nothing.

The photographs' training and validation images are thinned out to a long tail: class by class, in an order that the
seed draws, exponentially fewer, down to one in `--ratio` of the largest class or to a single image. The test images
stay as they are. The train step's own code then trains its head on the frozen backbone's features, with its default
parameters and each way in turn. Balanced accuracy is the mean recall of the classes.

    python -m tests.benchmarks.imbalance [--data FOLDER] [--ratio 100] [--seeds 0 1 2 3 4] [--images-per-class N]
"""

import argparse
import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import fmean, stdev
from typing import get_args

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from components.formats.dataset import LABEL, Dataset, read_dataset, write_dataset
from components.formats.tensors import read_examples
from components.split.tfrecord import record
from components.train.classifier import Classifier
from components.train.cluster import join_cluster
from components.train.continuation import Continuation
from components.train.features import Features
from components.train.input_pipeline import Images, read_images
from components.train.parameters import Imbalance, TrainParameters
from components.train.training import Trainer
from tests.benchmarks.split_photographs import split_photographs

WAYS: tuple[Imbalance, ...] = get_args(Imbalance)
SHARD = "thinned.tfrecord"


class OnceComputed(Continuation):
    """Lets all trainings on the same images share the frozen backbone's features."""

    def __init__(self) -> None:
        super().__init__(join_cluster({}))
        self._kept: dict[str, Features] = {}

    def kept(self, name: str, compute: Callable[[], Features]) -> Features:
        """Returns features by what they are of; the phase that asks doesn't matter while the backbone is frozen."""
        of = name.partition(": ")[2]
        if of not in self._kept:
            self._kept[of] = compute()
        return self._kept[of]


def kept_of_class(counts: NDArray[np.int64], ratio: float, order: NDArray[np.int64]) -> NDArray[np.int64]:
    """Returns how many images of each class are left: the k-th in order has ratio^(-k / (classes - 1)) of the largest.

    Args:
        counts: Images by class; a class that has fewer than it should keep keeps them all.
        ratio: Of the first class to the last, above 1.
        order: The classes, from the one that stays frequent to the rarest.
    """
    shares = np.empty(len(counts))
    shares[order] = ratio ** -np.linspace(0, 1, len(counts))
    return np.clip(np.round(counts.max() * shares).astype(np.int64), 1, counts)


def thin_out(examples: Path, folder: Path, ratio: float, order: NDArray[np.int64], seed: int) -> Dataset:
    """Writes a dataset with a long tail of another's examples."""
    dataset = read_dataset(examples, "examples")
    labels = np.array([row[LABEL] for row in read_examples(examples, dataset).as_numpy_iterator()])
    kept = kept_of_class(np.bincount(labels, minlength=len(dataset.class_names)), ratio, order)
    rng = np.random.default_rng(seed)
    chosen = {
        row for label, count in enumerate(kept) for row in rng.permutation(np.flatnonzero(labels == label))[:count]
    }
    records = tf.data.TFRecordDataset([str(examples / shard.name) for shard in dataset.shards])
    folder.mkdir()
    data = [record(each) for row, each in enumerate(records.as_numpy_iterator()) if row in chosen]
    (folder / SHARD).write_bytes(b"".join(data))
    counts = dict(zip(dataset.class_names, kept.tolist(), strict=True))
    return write_dataset(folder, "examples", counts, {SHARD: len(data)}, dataset.shorter_side_px)


def features_of(test: Images) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Returns the frozen backbone's features of the test images, float32 [rows, n], and their labels."""
    backbone = Classifier(TrainParameters(), len(test.dataset.class_names)).features
    pixels, labels = map(np.stack, zip(*test.in_order().as_numpy_iterator(), strict=True))
    return backbone.predict(pixels, verbose=0), labels


def balanced_accuracy(predicted: NDArray[np.int64], labels: NDArray[np.int64]) -> float:
    """Returns the mean over the classes in `labels` of the share that was predicted right, in percent."""
    return 100 * fmean(float((predicted[labels == label] == label).mean()) for label in np.unique(labels))


def measured(folders: Mapping[str, Path], ratio: float, seed: int, work: Path) -> dict[Imbalance, float]:
    """Returns the balanced accuracy of each way, in percent, on one long tail."""
    order = np.random.default_rng(seed).permutation(len(read_dataset(folders["train"], "examples").class_names))
    size_px, images = TrainParameters().image_size_px, {}
    for split in ("train", "validation"):
        dataset = thin_out(folders[split], work / f"{split}-{seed}", ratio, order, seed)
        print(f"seed {seed}: {split} images by class: {sorted(dataset.counts.values(), reverse=True)}", flush=True)
        images[split] = read_images(work / f"{split}-{seed}", size_px)
    features, labels = features_of(read_images(folders["test"], size_px))
    cluster, continuation, accuracies = join_cluster({}), OnceComputed(), {}
    for way in WAYS:
        parameters = TrainParameters(imbalance=way, finetune_epochs=0, seed=seed)
        trained = Trainer(parameters, images["train"], images["validation"], cluster, continuation).train().model
        logits = trained.get_layer("head").predict(features, verbose=0)
        accuracies[way] = balanced_accuracy(logits.argmax(-1), labels)
        print(f"seed {seed}: {way} {accuracies[way]:.1f}", flush=True)
    keras.backend.clear_session()
    return accuracies


def main() -> None:
    """Prints the mean over the seeds for each way, and what it gains."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder of class folders (default: the project's own sample)")
    parser.add_argument("--images-per-class", type=int, help="at most so many (default: all)")
    parser.add_argument("--ratio", type=float, default=100.0, help="of the largest class to the smallest")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    flags = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        folders = split_photographs(flags.data, Path(work), flags.images_per_class)
        runs = [measured(folders, flags.ratio, seed, Path(work)) for seed in flags.seeds]
    for way in WAYS:
        of_way, gains = [run[way] for run in runs], [run[way] - run["none"] for run in runs]
        spread = f", {stdev(gains):.1f} from seed to seed" if len(runs) > 1 else ""
        chosen = " (the default)" if way == TrainParameters().imbalance else ""
        print(f"{way + chosen:32} balanced accuracy {fmean(of_way):.1f}: {fmean(gains):+.1f} points{spread}")


if __name__ == "__main__":
    main()
