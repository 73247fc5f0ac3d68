"""Optuna's plots of a study, as parts of a page."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import optuna
import plotly.graph_objects as go
from markupsafe import Markup
from optuna import visualization
from optuna.trial import FrozenTrial
from plotly.colors import sequential
from plotly.offline import get_plotlyjs

from components._text import counted

_SCORE = "macro-F1"
_CLEAR = "rgba(0, 0, 0, 0)"
# Both ends stand out from light pages and from dark ones; those of Optuna's scale do from one of the two each.
_LOW, _HIGH = (217, 146, 74), (59, 125, 224)


@dataclass(frozen=True)
class Plot:
    """One plot, or why there is none yet.

    Attributes:
        title: What it shows.
        about: How to read it.
        html: The plot, which needs `script` on its page; None if there is none yet.
        missing: Why there is none; "" if there is one.
    """

    title: str
    about: str
    html: Markup | None = None
    missing: str = ""


def script() -> Markup:
    """Returns the text of plotly's script; with it a page needs nothing from elsewhere."""
    return Markup(get_plotlyjs())  # noqa: S704 - plotly's own


def plots(study: optuna.Study, complete: Sequence[FrozenTrial], parameters: Sequence[str]) -> list[Plot]:
    """Draws what the trials so far allow.

    Args:
        study: To draw.
        complete: Its trials with a score.
        parameters: Names of those that were searched.

    Returns:
        The plots, in reading order.
    """
    names = list(parameters)
    alike = len({trial.value for trial in complete}) == 1
    few = f"It takes two complete trials; there is {len(complete)}." if len(complete) < 2 else ""
    one = f"Only one parameter was searched, {names[0]}: the plots above tell all there is." if len(names) < 2 else ""
    flat = f"All {counted(len(complete), 'trial')} scored the same, so that no parameter mattered." if alike else ""
    return [
        _plot("history", "Trials in order", "Each point is a trial; the line is the best so far.", few, lambda: (
            visualization.plot_optimization_history(study, target_name=_SCORE)
        )),
        _plot("epochs", "Macro-F1 by epoch", "Each line is a trial's best so far; lines that end early were pruned. "
            "Epochs are counted over all phases.", "", lambda: visualization.plot_intermediate_values(study)),
        _plot("importances", "What matters", "The share of the differences in score that each parameter explains; "
            "rough while there are fewer than some thirty trials.", few or one or flat, lambda: (
            visualization.plot_param_importances(study, params=names, target_name=_SCORE)
        )),
        _plot("parallel", "Which values go with which score", "Each line is a trial and runs through its values: blue "
            "for high scores, brown for low ones.", few or one, lambda: (
            visualization.plot_parallel_coordinate(study, params=names, target_name=_SCORE)
        )),
    ]  # fmt: skip


def _plot(key: str, title: str, about: str, missing: str, draw: Callable[[], go.Figure]) -> Plot:
    if missing:
        return Plot(title, about, missing=missing)
    figure = draw()
    if key == "parallel":
        _recolour(figure)
    figure.update_layout(
        title=None,
        paper_bgcolor=_CLEAR,
        plot_bgcolor=_CLEAR,
        margin={"l": 60, "r": 40, "t": 40, "b": 50},
        height=420,
        xaxis={"tickformat": ",d", "title": "epoch"} if key == "epochs" else {},
        yaxis={"title": _SCORE} if key == "epochs" else {},
        hoverlabel={"bgcolor": "#ffffff", "font": {"color": "#1d2125"}},
    )
    html = figure.to_html(
        full_html=False, include_plotlyjs=False, div_id=key, config={"displayModeBar": False, "responsive": True}
    )
    return Plot(title, about, html=Markup(html))  # noqa: S704 - plotly escapes what it is given


def _recolour(figure: go.Figure) -> None:
    """Exchanges plotly's Blues, in which Optuna draws scores, for colours that are readable in the dark too."""
    palest, darkest = (_red(sequential.Blues[end]) for end in (0, -1))
    for trace in figure.data:
        if trace.marker.colorscale:
            trace.marker.colorscale = [[0, _rgb(0.0)], [1, _rgb(1.0)]]
        if trace.line.color:
            trace.line.color = _rgb((palest - _red(trace.line.color)) / (palest - darkest))


def _red(colour: str) -> float:
    return float(colour.removeprefix("rgb(").split(",")[0])


def _rgb(share: float) -> str:
    mixed = (round(low + share * (high - low)) for low, high in zip(_LOW, _HIGH, strict=True))
    return f"rgb({', '.join(map(str, mixed))})"
