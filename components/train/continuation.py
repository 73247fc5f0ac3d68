"""How an interrupted training goes on: where its state is kept, and who says that it is to end."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from math import inf
from pathlib import Path
from typing import Any

import keras
import numpy as np

from components._progress import say
from components.train.checkpoint import Checkpoint, CheckpointFolder, training_key
from components.train.checkpointing import Checkpointing, PhaseState
from components.train.cluster import Cluster
from components.train.features import Features
from components.train.input_pipeline import Images
from components.train.parameters import TrainParameters
from components.train.preemption import LAST_CHECKPOINT, Preemption
from components.train.speed import Speed


def checkpoints_of(folder: Path, parameters: TrainParameters, images: Images, validation: Images) -> CheckpointFolder:
    """Returns the checkpoints of a training, which its chief reads and writes."""
    key = training_key(parameters, [images.dataset.digest, validation.dataset.digest])
    return CheckpointFolder(folder, key)


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
        if kept := _of_chief(self._cluster, self._folder, name):
            return kept
        features = compute()
        if self._folder and self._cluster.is_chief:
            self._folder.keep(name, features)
            self._folder.clear_parts(name)
        return features

    def parts(self, name: str) -> "Parts":
        """Returns where features are kept that take long to compute, until `kept` has them all."""
        return Parts(self._cluster, self._folder, name, self.every_s, self._preemption)

    def callbacks(self, state: PhaseState, resumed: Checkpoint | None) -> list[keras.callbacks.Callback]:
        """Returns what keeps a phase's state, to come last among the callbacks.

        Args:
            state: Of the phase.
            resumed: What the phase is to begin with, if it has begun before.
        """
        return [
            Checkpointing(
                state,
                resumed,
                self._folder.write if self._folder and self._cluster.is_chief else None,
                every_s=self.every_s,
                told_to_end=self._all_told_to_end,
                end=self._preemption.end,
            )
        ]

    def last_speed(self) -> dict[str, Any]:
        """Returns what `keep_speed` has kept before, the chief's, on all workers; they must call this together."""
        facts = self._folder.speed() if self._folder and self._cluster.is_chief else {}
        kept: dict[str, Any] = json.loads(self._cluster.from_chief(json.dumps(facts).encode()))
        return kept

    def keep_speed(self, facts: dict[str, Any]) -> None:
        """Keeps what was measured before there is a checkpoint: measured again, another choice could be made.

        Args:
            facts: As `Checkpoint.speed`.
        """
        if self._folder and self._cluster.is_chief:
            self._folder.keep_speed(facts)

    def told_to_end(self) -> bool:
        """Returns whether this process has been."""
        return self._preemption.requested

    def postponing(self) -> AbstractContextManager[None]:
        """Returns the block in which the process ends only where it is asked whether it has been told to."""
        return self._preemption.postponing()

    def end_if_told(self) -> None:
        """Ends all workers if one has been told to, between what can be kept; they must call this together."""
        if self._all_told_to_end():
            self._preemption.end(LAST_CHECKPOINT)

    def _all_told_to_end(self) -> bool:
        told = np.zeros(self._cluster.workers, np.int64)
        told[self._cluster.worker] = self._preemption.requested
        return bool(self._cluster.combined(told).any())


class Parts:
    """Features of the first rows, kept every few minutes and when the process is told to end.

    Args:
        cluster: The workers; the chief's parts are everybody's.
        folder: Where they are kept; None keeps nothing.
        name: Of the features.
        every_s: Seconds between two parts.
        preemption: Says whether this process has been told to end.
    """

    def __init__(
        self,
        cluster: Cluster,
        folder: CheckpointFolder | None = None,
        name: str = "",
        every_s: float = inf,
        preemption: Preemption | None = None,
    ) -> None:
        self._cluster, self._folder, self._name, self._every_s = cluster, folder, name, every_s
        self._preemption = preemption or Preemption()
        self._rows, self._kept_s = 0, time.monotonic()

    def kept(self) -> Iterator[Features]:
        """Yields the parts that follow one another, on all workers; they must call this together."""
        names = self._folder.parts(self._name) if self._folder and self._cluster.is_chief else []
        for name in json.loads(self._cluster.from_chief(json.dumps(names).encode())):
            if int(Path(name).name) != self._rows:
                break
            part = _of_chief(self._cluster, self._folder, name)
            if part:
                self._rows += len(part.labels)
                yield part

    def told_to_end(self) -> bool:
        """Returns whether this process has been, which waits for `keep`."""
        return self._preemption.requested

    def keep(self, features: Features, *, ending: bool) -> None:
        """Keeps what has come since the last part, if it is time to; ends if told to.

        The first is kept at once if it rests on a measurement: measured again, another choice could be made.

        Args:
            features: Of all rows from the first on.
            ending: Whether a worker has been told to end; all know.
        """
        chosen = features.speed.measured and not self._rows
        if ending or chosen or time.monotonic() - self._kept_s > self._every_s:
            if self._folder and self._cluster.is_chief:
                new = Features(features.x[self._rows :], features.labels[self._rows :], features.speed)
                self._folder.keep_part(self._name, self._rows, new)
            self._rows, self._kept_s = len(features.labels), time.monotonic()
        if ending:
            self._preemption.end(f"The features of {self._rows} rows have been kept")


def _of_chief(cluster: Cluster, folder: CheckpointFolder | None, name: str) -> Features | None:
    """Returns the features that the chief has kept under a name, on all workers; they must call this together."""
    kept = folder.kept(name) if folder and cluster.is_chief else None
    facts = cluster.from_chief(json.dumps([kept.x.shape, kept.speed.facts()]).encode() if kept else b"")
    if not facts:
        return None
    (rows, width), speed = json.loads(facts)
    mine = kept or Features(np.zeros((rows, width), np.float32), np.zeros(rows, np.int64))
    return Features(cluster.combined(mine.x), cluster.combined(mine.labels), Speed.of(speed))
