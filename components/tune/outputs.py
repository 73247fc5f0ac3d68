"""What tuning leaves: the study, the best parameters, the page."""

import csv
import json
from pathlib import Path
from typing import Any

import optuna
import yaml

from components._errors import InputError
from components._executor import Artifact
from components._storage import whole_file, whole_folder
from components._text import counted as of_noun
from components.tune.report import write_report
from components.tune.request import Request
from components.tune.study import completed, counted, finished, reason, score

STUDY_FILE = "study.db"
_REASONS_SHOWN = 5


def write_outputs(request: Request, study_folder: Path, best: Path, report: Path) -> dict[str, Artifact]:
    """Writes everything.

    Args:
        request: What was asked for.
        study_folder: Gets a SQLite copy of the study and `trials.csv`.
        best: File for the best parameters; `.yaml` is added.
        report: File for the page; `.html` is added.

    Returns:
        By output name.

    Raises:
        InputError: If no trial has a score.
    """
    study, place = request.open_study(), request.place()
    trials = counted(study)
    ranked = completed(trials)
    if not ranked:
        raise InputError(_nothing(place.name, trials))
    best, report = best.with_name(f"{best.name}.yaml"), report.with_name(f"{report.name}.html")
    parameters = request.parameters.best(ranked[0].params)
    with whole_folder(study_folder, holds=STUDY_FILE) as folder:
        copy = f"sqlite:///{folder.resolve() / STUDY_FILE}"
        optuna.copy_study(from_study_name=place.name, from_storage=place.storage, to_storage=copy)
        _write_trials(folder / "trials.csv", trials)
    with whole_file(best) as file:
        head = (
            f"# Trial {ranked[0].number}, the best of {len(finished(trials))} of the study {json.dumps(place.name)}: "
        )
        head += f"macro-F1 {score(ranked[0]):.4f} on the validation images.\n"
        file.write_text(head + yaml.safe_dump(parameters, sort_keys=False, allow_unicode=True), encoding="utf-8")
    write_report(report, study, request.parameters, place)
    facts = {"study": place.name, "storage": place.shown, "trials": len(finished(trials)), "macro_f1": score(ranked[0])}
    return {
        "study": Artifact(study_folder, facts),
        "best": Artifact(best, facts | {"trial": ranked[0].number, "parameters": json.dumps(parameters)}),
        "report": Artifact(report),
    }


def _nothing(name: str, trials: list[optuna.trial.FrozenTrial]) -> str:
    reasons = list(dict.fromkeys(reason(trial) for trial in trials if reason(trial)))
    found = of_noun(len(finished(trials)), "trial") + " that ended without a score"
    lines = "".join(f"\n  {line}" for line in reasons[:_REASONS_SHOWN])
    return (
        f"study {name}: expected at least one complete trial, found {found}. Change base or search, which makes "
        f"another study, or raise trials.{lines}"
    )


def _write_trials(file: Path, trials: list[optuna.trial.FrozenTrial]) -> None:
    """Writes a row for each trial."""
    names = list(dict.fromkeys(name for trial in trials for name in trial.params))
    with file.open("w", encoding="utf-8", newline="") as stream:
        table = csv.writer(stream)
        table.writerow(["trial", "state", "macro_f1", "seconds", "epochs", *names, "reason"])
        for trial in trials:
            table.writerow(_row(trial, names))


def _row(trial: optuna.trial.FrozenTrial, names: list[str]) -> list[Any]:
    seconds = round(trial.duration.total_seconds(), 1) if trial.duration else ""
    value = trial.value if trial in completed([trial]) else ""
    values = [trial.params.get(name, "") for name in names]
    epochs = max(trial.intermediate_values, default=0)
    return [trial.number, trial.state.name.lower(), value, seconds, epochs, *values, reason(trial)]
