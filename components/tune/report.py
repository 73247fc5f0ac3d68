"""The study as one page of HTML that needs nothing from elsewhere."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from components._page import render, write_page
from components._text import Finding
from components._text import counted as of_noun
from components.tune.parameters import TuneParameters
from components.tune.plots import plots, script
from components.tune.study import StudyPlace, completed, counted, finished, reason, score

_ROWS_SHOWN = 100
_STATES = {
    TrialState.COMPLETE: "complete",
    TrialState.PRUNED: "pruned",
    TrialState.FAIL: "failed",
    TrialState.RUNNING: "under way",
    TrialState.WAITING: "waiting",
}


@dataclass(frozen=True)
class Row:
    """A trial in the table.

    Attributes:
        number: Of the trial.
        state: How it ended.
        score: Macro-F1 in [0, 1]: of the best epoch, so far if it was ended early; None without an epoch.
        seconds: That it took; None while it runs.
        epochs: Number of the last one.
        values: Of the searched parameters, in the order of the table.
        reason: Why it failed or was pruned.
    """

    number: int
    state: str
    score: float | None
    seconds: float | None
    epochs: int
    values: tuple[str, ...]
    reason: str


@dataclass(frozen=True)
class Chosen:
    """A searched parameter.

    Attributes:
        name: Of the parameter.
        best: Its value in the best trial.
        base: Its value without tuning.
    """

    name: str
    best: str
    base: str


def write_report(file: Path, study: optuna.Study, parameters: TuneParameters, place: StudyPlace) -> None:
    """Writes the page of a study with at least one complete trial."""
    trials = counted(study)
    complete = completed(trials)
    names = [dimension.name for dimension in parameters.space() if dimension.name in complete[0].params]
    base = dict(parameters.of_trial({}))
    html = render(
        Path(__file__).with_name("report.html.j2"),
        place=place,
        best=complete[0],
        best_epoch=complete[0].user_attrs.get("best_epoch", {}),
        states=Counter(_STATES[trial.state] for trial in trials),
        minutes=sum(trial.duration.total_seconds() for trial in trials if trial.duration) / 60,
        findings=findings(trials, parameters),
        chosen=[Chosen(name, shown(complete[0].params[name]), shown(base[name])) for name in names],
        names=names,
        rows=[_row(trial, names) for trial in ranked(trials)[:_ROWS_SHOWN]],
        reasons=any(reason(trial) for trial in trials),
        left_out=max(0, len(trials) - _ROWS_SHOWN),
        plots=plots(study, complete, names),
        script=script(),
    )
    write_page(file, html)


def findings(trials: Sequence[FrozenTrial], parameters: TuneParameters) -> list[Finding]:
    """Returns what to know first.

    Args:
        trials: Those that count, at least one of them complete.
        parameters: Of the tuning.
    """
    best, left = completed(trials)[0], parameters.trials - len(finished(trials))
    told = [_gain(trials, best, parameters)]
    if failed := [trial for trial in trials if trial.state == TrialState.FAIL]:
        told.append(Finding(f"{of_noun(len(failed), 'trial')} failed; the table says why.", "trials"))
    if left > 0:
        told.append(
            Finding(f"{of_noun(left, 'trial')} of {parameters.trials} are still to come: tune again.", "trials")
        )
    if left_out := parameters.left_out():
        text = f"Not searched, because no trial heeds them: {left_out}."
        told.append(Finding(text, "trials", is_problem=False))
    told.append(
        Finding(
            "The best of many is flattered by the images that chose it: what it is worth, a run's test images tell.",
            "best",
            is_problem=False,
        )
    )
    return told


def _gain(trials: Sequence[FrozenTrial], best: FrozenTrial, parameters: TuneParameters) -> Finding:
    base = dict(parameters.of_trial({}))
    given = [trial for trial in completed(trials) if all(base[name] == trial.params[name] for name in trial.params)]
    text = f"Trial {best.number} is the best: macro-F1 {score(best):.3f} on the validation images"
    if not given:
        return Finding(f"{text}.", "best", is_problem=False)
    if given[0].number == best.number:
        return Finding(f"{text}. These are the parameters as they were given: no trial beats them.", "best")
    gain = f", {score(best) - score(given[0]):.3f} above the parameters as they were given."
    return Finding(text + gain, "best", is_problem=False)


def ranked(trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """Returns complete trials, the best first, then pruned and failed ones, likewise, then the others."""
    order = list(_STATES)
    return sorted(trials, key=lambda trial: (order.index(trial.state), -score(trial), trial.number))


def shown(value: Any) -> str:  # noqa: ANN401 - any parameter's
    """Returns a parameter's value with the digits that matter."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _row(trial: FrozenTrial, names: Sequence[str]) -> Row:
    return Row(
        number=trial.number,
        state=_STATES[trial.state],
        score=score(trial) if trial.intermediate_values else None,
        seconds=trial.duration.total_seconds() if trial.duration else None,
        epochs=max(trial.intermediate_values, default=0),
        values=tuple(shown(trial.params[name]) if name in trial.params else "" for name in names),
        reason=reason(trial),
    )
