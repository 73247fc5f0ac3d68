"""The study: trials in a database that several workers share, and which of them count.

A trial that was cut off, by a signal or because its process was killed, is begun again as another trial.
It no longer counts then, and neither does one that two workers began at the same moment where only one was
left to begin.
"""

import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
import sqlalchemy as sa
from optuna.exceptions import DuplicatedStudyError, ExperimentalWarning
from optuna.storages import RDBStorage, _CachedStorage
from optuna.trial import FrozenTrial, TrialState

from components._errors import InputError
from components._progress import say
from components.tune.storage_url import shown

SCORE = "val_macro_f1"
REASON = "reason"  # why a trial failed or was pruned
_REPEATS = "repeats"  # the trial that one begins again
_LOSSES = "losses"  # how often its process was lost
_SURPLUS = "surplus"
_FINGERPRINT = "fingerprint"
_MAX_LOSSES = 2
_SQLITE_TIMEOUT_S = 60
_BEATS = 6  # signs of life in the time after which a trial counts as lost

_LOST = f"lost {_MAX_LOSSES} times with its process; the usual reason is too little memory"


@dataclass(frozen=True)
class StudyPlace:
    """Which study, and where it is.

    Attributes:
        storage: SQLAlchemy URL.
        name: Of the study.
        fingerprint: Of all that makes trials comparable: data, base parameters, search.
        lost_after_s: Without a sign of life, after which a trial counts as lost.
    """

    storage: str
    name: str
    fingerprint: str
    lost_after_s: int

    @property
    def shown(self) -> str:
        """Driver, host and database of the URL."""
        return shown(self.storage)


def open_storage(url: str, lost_after_s: int = 60) -> RDBStorage:
    """Connects to a database, and makes its tables if it has none.

    Args:
        url: SQLAlchemy's.
        lost_after_s: Without a sign of life, after which a trial counts as lost.

    Raises:
        InputError: If there is no such database, or no driver for it.
    """
    try:
        parsed = sa.make_url(url)
    except sa.exc.ArgumentError as error:  # may hold a password: it is not repeated
        raise InputError("--storage: expected a URL such as postgresql+psycopg://USER@HOST/DATABASE.") from error
    try:
        if parsed.get_backend_name() == "sqlite" and parsed.database:
            Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
        try:
            return _connect(parsed, lost_after_s)
        except (sa.exc.IntegrityError, sa.exc.ProgrammingError, sa.exc.OperationalError) as error:
            if "exist" not in str(error) and "unique" not in str(error).lower():
                raise
            time.sleep(1)
            return _connect(parsed, lost_after_s)  # another worker was making the tables
    except (sa.exc.SQLAlchemyError, ImportError, OSError) as error:
        why = str(error).splitlines()[0]
        raise InputError(
            f"--storage {shown(url)}: expected a database that can be reached and written. {why} Check the address, "
            "that the database exists, the user's rights, and the password, which the driver takes from PGPASSWORD, "
            "~/.pgpass or an option file."
        ) from error


def _connect(url: sa.URL, lost_after_s: int) -> RDBStorage:
    is_sqlite = url.get_backend_name() == "sqlite"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)  # heartbeats, since 2021
        return RDBStorage(
            url.render_as_string(hide_password=False),
            # A trial may take hours; databases close connections that were idle for so long.
            {"connect_args": {"timeout": _SQLITE_TIMEOUT_S}} if is_sqlite else {"pool_pre_ping": True},
            heartbeat_interval=max(1, lost_after_s // _BEATS),
            grace_period=lost_after_s,
            heartbeat_stale_trial_callback=_begin_again_if_lost,
        )


def open_study(place: StudyPlace, first: dict[str, Any] | None) -> optuna.Study:
    """Opens the study, or makes it.

    Args:
        place: Which, and where.
        first: Values that the first trial is to try; None leaves the choice to the sampler.

    Raises:
        InputError: If the database can't be reached, or the study holds trials of something else.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)  # workers say themselves how their trials end
    storage = open_storage(place.storage, place.lost_after_s)
    try:
        study = optuna.create_study(study_name=place.name, storage=storage, direction="maximize")
    except DuplicatedStudyError:  # this worker is not the first
        study = optuna.load_study(study_name=place.name, storage=storage)
        if study.user_attrs.get(_FINGERPRINT, place.fingerprint) != place.fingerprint:
            raise InputError(
                f"--study-name {place.name}: expected trials on the same images with the same base and "
                f"search; the one in {place.shown} is of others. Name another study, or leave the name out."
            ) from None
        return study
    study.set_user_attr(_FINGERPRINT, place.fingerprint)
    if first is not None:
        study.enqueue_trial(first)
    return study


def counted(study: optuna.Study) -> list[FrozenTrial]:
    """Returns the trials that count, in order: finished, under way and waiting."""
    trials = study.get_trials(deepcopy=False)
    repeated = {trial.user_attrs.get(_REPEATS) for trial in trials}
    return [trial for trial in trials if trial.number not in repeated and _SURPLUS not in trial.user_attrs]


def finished(trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """Returns those that have ended, in whatever way."""
    return [trial for trial in trials if trial.state.is_finished()]


def completed(trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """Returns those with a score, the best first."""
    done = [trial for trial in trials if trial.state == TrialState.COMPLETE]
    return sorted(done, key=lambda trial: (-score(trial), trial.number))


def score(trial: FrozenTrial) -> float:
    """Returns the macro-F1, in [0, 1], of a complete trial's best epoch; of another's best so far, or 0."""
    if trial.value is not None and trial.state == TrialState.COMPLETE:
        return trial.value
    return max(trial.intermediate_values.values(), default=0.0)


def reason(trial: FrozenTrial) -> str:
    """Returns why a trial failed or was pruned; "" of others."""
    lost = _LOST if trial.state == TrialState.FAIL else ""
    return str(trial.user_attrs.get(REASON, lost))


def await_one_to_begin(study: optuna.Study, trials: int, deadline_s: float = float("inf")) -> bool:
    """Waits until there is a trial to begin, or none is left.

    While other workers try the last ones, one of them may be lost, and is then to be begun again.

    Args:
        study: Shared with them.
        trials: That the study is to have.
        deadline_s: Of `time.monotonic`, after which not to wait.

    Returns:
        Whether there is one.
    """
    while time.monotonic() < deadline_s:
        _find_lost(study)
        within = counted(study)[:trials]
        if len(within) < trials or any(trial.state == TrialState.WAITING for trial in within):
            return True
        if all(trial.state.is_finished() for trial in within):
            return False
        time.sleep(1)
    return False


def await_those_under_way(study: optuna.Study) -> None:
    """Waits until no worker has a trial under way, for a summary to hold those that time was up for meanwhile."""
    said = 0
    while running := sum(trial.state == TrialState.RUNNING for trial in counted(study)):
        if running != said:
            say("tune", f"waiting for trials that other workers have under way: {running}")
            said = running
        time.sleep(1)
        _find_lost(study)


def is_surplus(study: optuna.Study, trial: optuna.Trial, trials: int) -> bool:
    """Returns whether other workers began the last trials at the same moment; the trial then counts for nothing."""
    if trial.number in {other.number for other in counted(study)[:trials]}:
        return False
    trial.set_user_attr(_SURPLUS, True)
    return True


def begin_again(study: optuna.Study, trial: FrozenTrial | optuna.Trial, losses: int = 0) -> None:
    """Has a trial that was cut off tried once more, by whoever comes first.

    Args:
        study: The trial's.
        trial: No longer counts from now on.
        losses: How often its process was lost.
    """
    # Values that were given to a trial are not among its parameters until it asks for them.
    given = study.get_trials(deepcopy=False)[trial.number].system_attrs.get("fixed_params", {})
    study.enqueue_trial(given | trial.params, user_attrs={_REPEATS: trial.number, _LOSSES: losses})


def _begin_again_if_lost(study: optuna.Study, trial: FrozenTrial) -> None:
    """Tries again what was killed, but not for ever: too little memory kills it every time."""
    losses = trial.user_attrs.get(_LOSSES, 0) + 1
    if losses < _MAX_LOSSES:
        begin_again(study, trial, losses)


def _find_lost(study: optuna.Study) -> None:
    _give_first_signs_of_life(study)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        optuna.storages.fail_stale_trials(study)


def _give_first_signs_of_life(study: optuna.Study) -> None:
    """Gives one to each trial that began without: its process was killed in that moment, or is about to give one.

    Optuna overlooks them otherwise, for ever. From this one on it counts, by the database's clock, whether others
    follow.
    """
    running = {trial._trial_id for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))}
    storage = study._storage
    if not running or not isinstance(storage, _CachedStorage):
        return
    database = storage._backend
    of_trial: sa.ColumnClause[int] = sa.column("trial_id")
    given = sa.select(of_trial).select_from(sa.table("trial_heartbeats")).where(of_trial.in_(running))
    with database.engine.connect() as connection:
        alive = set(connection.scalars(given))
    for trial_id in running - alive:
        database.record_heartbeat(trial_id)


def default_storage(work: Path) -> str:
    """Returns the URL of the SQLite file in a folder."""
    return f"sqlite:///{work.resolve() / 'studies.db'}"
