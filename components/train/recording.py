"""What the chief writes down of a training: while it runs, for people who watch, and when it has ended."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from components._progress import say
from components._storage import whole_folder
from components.formats.model import KERAS_FILE, save_model
from components.train.augmented_samples import as_picture
from components.train.backbones.table import resolved_weights
from components.train.cluster import Cluster
from components.train.continuation import Continuation
from components.train.curves import curves
from components.train.following import Follow, Following
from components.train.history import (
    CURVES_FILE,
    HISTORY_FILE,
    SAMPLES_FILE,
    DataSummary,
    History,
    merit,
    write_history,
)
from components.train.input_pipeline import Images
from components.train.parameters import TrainParameters
from components.train.report.page import write_report
from components.train.tensorboard_logs import EVENTS, TensorBoardLogs
from components.train.training import Trainer, TrainingResult

if TYPE_CHECKING:
    from components.train.mlflow_run import MlflowRun

Described = dict[str, dict[str, Any]]

_RUN_FILE = "mlflow_run.json"
# A server that does not answer may hold training up for two minutes, not for the hours that MLflow would wait; and
# nothing is sent to MLflow's makers. What a person has set counts more.
_MLFLOW_SETTINGS = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}


@dataclass(frozen=True)
class Outputs:
    """Where what training gives goes: folders, but for the report."""

    model: Path
    history: Path
    report: Path
    tensorboard: Path


@dataclass(frozen=True)
class Task:
    """What was to be trained on what."""

    parameters: TrainParameters
    images: Images
    validation: Images

    def history(self, result: TrainingResult) -> History:
        """Returns what there is to remember of the training."""
        return History(
            epochs=result.history,
            monitor=result.monitor,
            exposure=result.exposure,
            parameters=self.parameters.model_dump(),
            weights=resolved_weights(self.parameters.backbone, self.parameters.weights),
            train=DataSummary.of(self.images.dataset),
            validation=DataSummary.of(self.validation.dataset),
            setup_seconds=result.setup_seconds,
            speed=result.speed,
        )


class Recording:
    """Keeps the logs of a training up to date, and writes its outputs.

    Args:
        outputs: Where to.
        task: What is trained.
        logs: For TensorBoard.
        run: On an MLflow server, if one has been named.

    Attributes:
        followers: To be told of every epoch.
    """

    def __init__(self, outputs: Outputs, task: Task, logs: TensorBoardLogs, run: "MlflowRun | None") -> None:
        self._outputs, self._task, self._logs, self._run = outputs, task, logs, run
        self.followers: list[Follow] = [logs.follow, *([run.follow] if run else [])]

    def write(self, result: TrainingResult) -> Described:
        """Writes model, history and report, and sends them to the server.

        Returns:
            Metadata by output.
        """
        task, outputs = self._task, self._outputs
        picture = as_picture(result.samples)
        with whole_folder(outputs.model, holds=KERAS_FILE) as folder:
            save_model(folder, result.model, task.images.spec(task.parameters.backbone))
        with whole_folder(outputs.history, holds=HISTORY_FILE) as folder:
            write_history(folder, task.history(result))
            curves(result.history).savefig(folder / CURVES_FILE, dpi=120)
            picture.save(folder / SAMPLES_FILE)
        write_report(outputs.history, outputs.report)
        self._logs.show(np.asarray(picture))
        if self._run:
            best = {f"best_{name}": result.best[name] for name in ("val_macro_f1", "val_accuracy", "val_loss")}
            self._run.finish({"model": outputs.model, "history": outputs.history, "": outputs.report}, best)
        score = f"val_{result.monitor} {merit(result.best, result.monitor)[0]:.3f}"
        say("train", f"best epoch: {result.best['phase']} {result.best['epoch']}, {score}")
        known_as = {"mlflow_run_id": self._run.run_id} if self._run else {}
        return {
            "model": {**result.best, "class_names": list(task.images.dataset.class_names), **known_as},
            "tensorboard": {"opens_with": "tensorboard --logdir URI"},
        }


def train_and_record(
    task: Task, outputs: Outputs, cluster: Cluster, continuation: Continuation, kept: Path
) -> Described:
    """Trains; the chief writes what comes out, and keeps people up to date while it does not yet.

    Args:
        task: What to train on what.
        outputs: Where to.
        cluster: The workers, who must call this together.
        continuation: Where training goes on from.
        kept: Folder that an interrupted training finds again.

    Returns:
        Metadata by output; none for workers other than the chief.

    Raises:
        InputError: If the images don't suffice, or an MLflow server is named that can't be reached.
    """
    trains = (task.parameters, task.images, task.validation, cluster, continuation)
    if not cluster.is_chief:
        with cluster.losses_as_exit_status(), continuation.postponing():
            Trainer(*trains).train()
        return {}
    with (
        recording(outputs, task, kept) as recorded,
        cluster.losses_as_exit_status(),
        continuation.postponing(),
    ):
        trainer = Trainer(*trains, callbacks=[Following(lambda: trainer.history, recorded.followers)])
        return recorded.write(trainer.train())  # told to end by now, the chief goes on: the others are done


@contextmanager
def recording(outputs: Outputs, task: Task, kept: Path) -> Iterator[Recording]:
    """Yields a recording; TensorBoard's logs lie under a hidden name until the block ends, as all outputs do.

    Args:
        outputs: Where they go.
        task: What is trained.
        kept: Folder that an interrupted training finds again.

    Raises:
        InputError: If an MLflow server is named that can't be reached.
    """
    with (
        whole_folder(outputs.tensorboard, holds=EVENTS) as folder,
        TensorBoardLogs(folder, task.parameters.model_dump()) as logs,
        _tracked(task, kept) as run,
    ):
        yield Recording(outputs, task, logs, run)


@contextmanager
def _tracked(task: Task, kept: Path) -> Iterator["MlflowRun | None"]:
    parameters = task.parameters
    if not parameters.mlflow_tracking_uri:
        yield None
        return
    for name, value in _MLFLOW_SETTINGS.items():
        os.environ.setdefault(name, value)
    from components.train.mlflow_run import begin_run  # noqa: PLC0415 - takes seconds, and reads the settings

    tags = {"train_digest": task.images.dataset.digest, "validation_digest": task.validation.dataset.digest}
    given = parameters.model_dump(exclude={"mlflow_tracking_uri", "mlflow_experiment"})
    facts = {"train_images": task.images.dataset.rows, "classes": len(task.images.dataset.class_names)}
    uri, experiment = parameters.mlflow_tracking_uri, parameters.mlflow_experiment
    with begin_run(uri, experiment, kept / _RUN_FILE, given | facts, tags) as run:
        yield run
