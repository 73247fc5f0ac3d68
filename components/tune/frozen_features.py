"""A frozen backbone's features, computed once for all trials that see the same."""

from collections.abc import Callable, Sequence
from pathlib import Path

from components.train.checkpoint import CheckpointFolder, training_key
from components.train.cluster import Cluster
from components.train.continuation import Continuation
from components.train.features import Features
from components.train.parameters import TrainParameters
from components.train.preemption import Preemption

# What the features of the head's phase do not depend on. A parameter that is not named here is taken to matter.
_OF_THE_HEAD = {
    "batch_size",
    "mixup_alpha",
    "cutmix_alpha",
    "dropout",
    "head_dense_units",
    "label_smoothing",
    "imbalance",
    "imbalance_strength",
    "focal_gamma",
    "crt_epochs",
    "head_epochs",
    "head_learning_rate",
    "head_schedule",
    "finetune_epochs",
    "finetune_learning_rate",
    "finetune_schedule",
    "finetune_layers",
    "warmup_epochs",
    "monitor",
    "patience",
}
_OF_TRAINING_IMAGES = {"augmentation", "augmentation_magnitude", "head_views", "seed"}


class FrozenFeatures(Continuation):
    """Keeps features for later trials; of the trial itself, nothing: one that is cut off begins anew.

    Args:
        cluster: This process.
        folder: Where features are kept.
        parameters: Of the trial.
        dataset_digests: Of the training and the validation images.
        preemption: Says whether this process has been told to end.
    """

    def __init__(
        self,
        cluster: Cluster,
        folder: Path,
        parameters: TrainParameters,
        dataset_digests: Sequence[str],
        preemption: Preemption,
    ) -> None:
        super().__init__(cluster, preemption=preemption)
        self._features, self._parameters, self._digests = folder, parameters, dataset_digests

    def kept(self, name: str, compute: Callable[[], Features]) -> Features:
        """Returns features, from disk if an earlier trial has computed them.

        The features of a later phase are those of a backbone that the trial itself has trained.
        """
        if not name.startswith("head: "):
            return compute()
        ignored = _OF_THE_HEAD | (_OF_TRAINING_IMAGES if name.endswith("validation images") else set())
        defaults = TrainParameters.model_validate({}).model_dump(include=ignored)
        key = training_key(self._parameters.model_copy(update=defaults), self._digests)
        folder = CheckpointFolder(self._features, key)
        return Continuation(self._cluster, folder).kept(name, compute)
