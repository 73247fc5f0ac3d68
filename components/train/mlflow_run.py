"""A training as a run on an MLflow server, which may come and go: that must never cost a training.

Only MLflow's client is asked of whoever trains (mlflow-skinny): files go to the server, which passes them on to where
it keeps artifacts. The model goes as the folder that evaluate and export read, not in MLflow's own Keras flavor, which
would load the whole of MLflow and pandas to describe an environment that the container image fixes already.
"""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from mlflow import MlflowClient
from mlflow.entities import Metric, Param
from mlflow.exceptions import MlflowException

from components._errors import InputError
from components._progress import say
from components._storage import whole_file
from components.train.history import EpochRow

# Once the server has failed, so much more time is to pass before the next attempt than this one took.
_TIMES_ITS_COST = 20
_LAST_ATTEMPTS, _BETWEEN_LAST_ATTEMPTS_S = 3, 5.0
_ROWS_AT_ONCE = 100  # a request may hold 1000 numbers
_METRICS = (
    "loss", "accuracy", "val_loss", "val_accuracy", "val_macro_f1", "learning_rate", "seconds", "images_per_s",
)  # fmt: skip
_FAILURES = (MlflowException, OSError, ValueError)  # OSError: of requests too; ValueError: an answer that is no JSON


class MlflowRun:
    """A run that is kept up to date with a training, as far as the server lets it.

    Used as a context, it ends the run: as FINISHED, as KILLED if the process was told to end, or as FAILED.

    Args:
        client: Of the server.
        run_id: Of a run that exists.
        parameters: Of the training, by name.

    Attributes:
        run_id: See above.
    """

    def __init__(self, client: MlflowClient, run_id: str, parameters: Mapping[str, Any]) -> None:
        self._client, self.run_id, self._parameters = client, run_id, parameters
        self._logged: int | None = None  # how many epochs the server has; only it can say what an earlier process sent
        self._rows: Sequence[EpochRow] = ()
        self._times_ms: list[int] = []
        self._next_attempt_s, self._lost = 0.0, False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        status = "FINISHED" if error is None else "FAILED" if isinstance(error, Exception) else "KILLED"
        self._attempt(lambda: self._client.set_terminated(self.run_id, status))

    def open(self) -> None:
        """Marks the run as running, and gives it the parameters that it lacks.

        Raises:
            MlflowException: Or others, if the server fails.
        """
        known = self._client.get_run(self.run_id).data.params
        given = {name: str(value) for name, value in self._parameters.items()}
        missing = [Param(name, value or '""') for name, value in given.items() if name not in known]
        self._client.log_batch(self.run_id, params=missing)
        self._client.update_run(self.run_id, status="RUNNING")
        points = self._client.get_metric_history(self.run_id, _METRICS[0])
        self._logged = max((point.step for point in points), default=0)

    def follow(self, history: Sequence[EpochRow]) -> None:
        """Sends the epochs that the server lacks; once it has failed, it is left alone for a while."""
        self._rows = list(history)
        self._times_ms += [int(time.time() * 1000)] * (len(history) - len(self._times_ms))
        if time.monotonic() >= self._next_attempt_s:
            self._attempt(self._catch_up)

    def finish(self, artifacts: Mapping[str, Path], metrics: Mapping[str, float]) -> None:
        """Sends all that is left, and says what could not be sent.

        Args:
            artifacts: Files and folders, by the folder to put them into; "" is the topmost.
            metrics: Of the training as a whole.
        """
        left = dict(artifacts)

        def send() -> None:
            self._catch_up()
            for name, value in metrics.items():
                self._client.log_metric(self.run_id, name, value)
            for folder, path in artifacts.items():
                if folder in left:
                    log = self._client.log_artifacts if path.is_dir() else self._client.log_artifact
                    log(self.run_id, str(path), folder or None)
                    del left[folder]

        for number in range(_LAST_ATTEMPTS):
            time.sleep(_BETWEEN_LAST_ATTEMPTS_S if number else 0)
            if self._attempt(send):
                return
        self._tell_missing(left)

    def _tell_missing(self, left: Mapping[str, Path]) -> None:
        logged = f"epochs from {self._logged + 1}" if self._logged is not None else "what this process has trained"
        up_to_date = self._logged == len(self._rows)
        missing = [*([] if up_to_date else [logged]), *(path.name for path in left.values())]
        say("train", f"MLflow: the run lacks {', '.join(missing)}. The step's outputs have it all.")

    def _catch_up(self) -> None:
        if self._logged is None:
            self.open()
        for first in range(self._logged or 0, len(self._rows), _ROWS_AT_ONCE):
            numbers = range(first, min(first + _ROWS_AT_ONCE, len(self._rows)))
            metrics = [metric for number in numbers for metric in self._metrics(number)]
            self._client.log_batch(self.run_id, metrics=metrics)
            self._logged = numbers.stop

    def _metrics(self, number: int) -> list[Metric]:
        """Returns an epoch's numbers; with the same times whenever it is sent, for the server to know them again."""
        row, step, time_ms = self._rows[number], number + 1, self._times_ms[number]
        return [Metric(name, row[name], time_ms, step) for name in _METRICS]  # type: ignore[literal-required]

    def _attempt(self, call: Callable[[], None]) -> bool:
        """Calls; says so when the server begins to fail, and when it is back."""
        began_s = time.monotonic()
        try:
            call()
        except _FAILURES as error:
            now_s = time.monotonic()
            self._next_attempt_s = now_s + _TIMES_ITS_COST * (now_s - began_s)
            if not self._lost:
                say("train", f"MLflow: {_short(error)}. Training goes on; what the server misses is sent later")
            self._lost = True
            return False
        if self._lost:
            say("train", "MLflow: the server is back, and lacks nothing")
        self._lost = False
        return True


def begin_run(
    uri: str, experiment: str, id_file: Path, parameters: Mapping[str, Any], tags: Mapping[str, str]
) -> MlflowRun:
    """Goes on with the run that an interrupted training had, or begins one.

    Args:
        uri: Of the server.
        experiment: Created if there is none of this name.
        id_file: Remembers the run; lies where the training's checkpoints do.
        parameters: Of the training, by name.
        tags: Of the run.

    Raises:
        InputError: If the server can't be reached or refuses. A run that exists already is gone on with all the same:
            hours may have gone into it.
    """
    try:
        client = MlflowClient(uri)
        run_id = _known_run(client, uri, id_file)
        if run_id:
            return MlflowRun(client, run_id, parameters)
        run_id = client.create_run(_experiment_id(client, experiment), tags=dict(tags)).info.run_id
        run = MlflowRun(client, run_id, parameters)
        run.open()
    except _FAILURES as error:
        raise InputError(
            f"mlflow_tracking_uri: expected an MLflow server at {uri} that takes runs of the experiment "
            f"{experiment!r}. Received: {_short(error)}. Start the server, or name another; credentials are read from "
            "MLflow's own variables (MLFLOW_TRACKING_USERNAME and _PASSWORD, or _TOKEN). Without the parameter nothing "
            "is tracked."
        ) from error
    with whole_file(id_file) as file:
        file.write_text(json.dumps({"tracking_uri": uri, "run_id": run_id}))
    say("train", f"MLflow: tracked as run {run_id} of the experiment {experiment!r} at {uri}")
    return run


def _known_run(client: MlflowClient, uri: str, id_file: Path) -> str:
    """Returns the run of the interrupted training; "" if there is none, or the server has it no longer."""
    known = json.loads(id_file.read_text()) if id_file.is_file() else {}
    if known.get("tracking_uri") != uri:
        return ""
    try:
        gone = client.get_run(known["run_id"]).info.lifecycle_stage == "deleted"
    except _FAILURES as error:
        gone = isinstance(error, MlflowException) and error.error_code == "RESOURCE_DOES_NOT_EXIST"
    return "" if gone else known["run_id"]


def _experiment_id(client: MlflowClient, name: str) -> str:
    if found := client.get_experiment_by_name(name):
        return found.experiment_id
    try:
        return client.create_experiment(name)
    except MlflowException as error:
        found = client.get_experiment_by_name(name)  # another training may have just created it
        if error.error_code != "RESOURCE_ALREADY_EXISTS" or not found:
            raise
        return found.experiment_id


def _short(error: BaseException) -> str:
    """Returns the first line, without the stack trace that servers append."""
    return str(error).splitlines()[0][:300].rstrip(". ") if str(error) else repr(error)
