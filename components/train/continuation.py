"""How an interrupted training goes on: where its state is kept, and who says that it is to end."""

import json
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np

from components._progress import say
from components.train.checkpoint import Checkpoint, CheckpointFolder, training_key
from components.train.checkpointing import Checkpointing, PhaseState
from components.train.cluster import Cluster
from components.train.features import Features
from components.train.input_pipeline import Images
from components.train.parameters import TrainParameters
from components.train.preemption import Preemption
from components.train.speed import Speed


def checkpoints_of(
    cluster: Cluster, folder: Path, parameters: TrainParameters, images: Images, validation: Images
) -> CheckpointFolder:
    """Returns the checkpoints of a training; the chief writes them, other workers may read."""
    key = training_key(parameters, [images.dataset.digest, validation.dataset.digest])
    return CheckpointFolder(folder, key, writable=cluster.is_chief)


class Continuation:
    """What a trainer asks about interruptions.

    Args:
        cluster: The workers; the chief's checkpoint is everybody's.
        folder: Where checkpoints are kept; None begins anew and keeps nothing.
        minutes: Between two checkpoints in an epoch.
        preemption: Says whether this process has been told to end.

    Attributes:
        every_s: Seconds between two checkpoints in an epoch.
    """

    def __init__(
        self,
        cluster: Cluster,
        folder: CheckpointFolder | None = None,
        minutes: float = 10.0,
        preemption: Preemption | None = None,
    ) -> None:
        self._cluster, self._folder, self.every_s = cluster, folder, minutes * 60
        self._preemption = preemption or Preemption()

    def last_checkpoint(self) -> Checkpoint | None:
        """Returns the chief's, on all workers; they must call this together."""
        content = self._cluster.from_chief(self._folder.read() if self._folder and self._cluster.is_chief else b"")
        if not content:
            return None
        checkpoint = Checkpoint.load(content)
        if self._cluster.is_chief:
            say("train", f"going on from a checkpoint: {checkpoint.phase}, {checkpoint.progress.place}")
        return checkpoint

    def kept(self, name: str, compute: Callable[[], Features]) -> Features:
        """Returns features, the chief's if it has kept them before; all workers must call this together.

        Args:
            name: Of the features.
            compute: What all workers call together if the chief has not.
        """
        is_writer = self._folder is not None and self._cluster.is_chief
        kept = self._folder.kept(name) if self._folder and is_writer else None
        facts = self._cluster.from_chief(json.dumps([kept.x.shape, kept.speed.facts()]).encode() if kept else b"")
        if not facts:
            features = compute()
            if self._folder and is_writer:
                self._folder.keep(name, features)
            return features
        (rows, width), speed = json.loads(facts)
        mine = kept or Features(np.zeros((rows, width), np.float32), np.zeros(rows, np.int64))
        return Features(self._cluster.combined(mine.x), self._cluster.combined(mine.labels), Speed.of(speed))

    def callbacks(self, state: PhaseState, resumed: Checkpoint | None) -> list[keras.callbacks.Callback]:
        """Returns what keeps a phase's state, to come last among the callbacks.

        Args:
            state: Of the phase.
            resumed: What the phase is to begin with, if it has begun before.
        """
        if not self._folder:
            return []
        return [
            Checkpointing(
                state,
                resumed,
                self._folder.write if self._cluster.is_chief else None,
                every_s=self.every_s,
                preemption=self._preemption,
                alone=self._cluster.workers == 1,
            )
        ]

    def told_to_end(self) -> bool:
        """Returns whether this process has been."""
        return self._preemption.requested
