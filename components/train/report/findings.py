"""What stands out in a training, in words: the same for the page and for the terminal."""

from collections.abc import Iterator

from components._text import Finding, listed, percent
from components.train.history import ClassExposure, History
from components.train.report.overview import ExposureTable, TrainingOverview

_SAME = 0.005  # factors and logits are rounded
_ROUNDED = 1e-5  # scores are
_TAKEN_AWAY = 0.8  # of the exposure that the weights alone would give


def findings(overview: TrainingOverview) -> tuple[Finding, ...]:
    """Returns what stands out, problems first; sections are those of the page."""
    found = [*_of_classes(overview), *_of_exposure(overview), *_of_epochs(overview)]
    return tuple(sorted(found, key=lambda finding: not finding.is_problem))


def _of_classes(overview: TrainingOverview) -> Iterator[Finding]:
    if unseen := [name for name, images in overview.history.validation.counts.items() if not images]:
        text = f"No validation image of {listed(unseen)}: the best epoch was chosen without a look at it."
        yield Finding(text, "exposure")
    guessed, why = _guessed(overview.history)
    if overview.best_score <= guessed + _ROUNDED:
        yield Finding(
            f"Even the best epoch is no better than guessing: {overview.measure} {overview.best_score:.3f} on the "
            f"validation images, {why}. Look at the labels and the learning rate.",
            "epochs",
        )


def _guessed(history: History) -> tuple[float, str]:
    """Returns the most that one answer for all images scores, and why."""
    if history.monitor == "accuracy":
        most = max(history.validation.counts.values()) / history.validation.rows
        return most, f"of which one class has {percent(most)}"
    classes = len(history.train.counts)
    return 1 / classes, f"with {classes} classes"


def _of_exposure(overview: TrainingOverview) -> Iterator[Finding]:
    for table in overview.exposures:
        phases = " and ".join(table.phases)
        if twice := [name for name, row in table.classes.items() if len(_corrections(row)) > 1]:
            ways = " and ".join(_corrections(table.classes[twice[0]]))
            yield Finding(f"{phases}: corrected twice, by {ways}: {listed(twice)}.", "exposure")
        if diluted := list(_diluted(table)):
            yield Finding(
                f"{phases}: mixing takes back part of the class weights: {listed(diluted)}.", "exposure", False
            )


def _corrections(row: ClassExposure) -> list[str]:
    """Returns the ways in which a class is made up for; each alone would do."""
    away = {"sampling": row["sampling"] - 1, "weights": row["weight"] - 1, "shifted logits": row["logit_shift"]}
    return [way for way, by in away.items() if abs(by) > _SAME]


def _diluted(table: ExposureTable) -> Iterator[str]:
    weighted = {name: row["share_of_images"] * row["sampling"] * row["weight"] for name, row in table.classes.items()}
    total = sum(weighted.values())
    for name, row in table.classes.items():
        alone = weighted[name] / total
        if row["exposure"] < _TAKEN_AWAY * alone:
            yield f"{name} ({percent(row['exposure'])}, alone {percent(alone)})"


def _of_epochs(overview: TrainingOverview) -> Iterator[Finding]:
    rows, best = overview.history.epochs, overview.best
    last = rows[-1]
    if best is last:
        text = "The last epoch is the best one: it may pay to train for longer."
        yield Finding(text, "curves", is_problem=False)
    elif last["phase"] != best["phase"]:
        best_after = max(overview.score(row) for row in rows if row["phase"] == last["phase"])
        yield Finding(
            f"The phase {last['phase']} brought nothing: {overview.measure} {best_after:.3f} at best, "
            f"{best['phase']} had {overview.best_score:.3f}. Its epochs were left aside.",
            "curves",
            is_problem=False,
        )
