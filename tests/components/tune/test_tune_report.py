"""The page of a study: what it says first, what it can't draw yet, what it escapes, and what it fetches: nothing."""

import re

import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution
from optuna.trial import TrialState, create_trial

from components.tune.parameters import TuneParameters
from components.tune.report import shown, write_report
from components.tune.study import REASON, StudyPlace, open_study
from tests.page_parser import HOSTILE, Page

DROPOUT = FloatDistribution(0, 0.6)
WAYS = CategoricalDistribution(("focal", "logit_adjustment"))


def trial(value, dropout=0.2, way=None, state=TrialState.COMPLETE, why=""):
    params = {"dropout": dropout} | ({"imbalance": way} if way else {})
    kinds = {"dropout": DROPOUT} | ({"imbalance": WAYS} if way else {})
    return create_trial(
        state=state,
        value=value if state == TrialState.COMPLETE else None,
        params=params,
        distributions=kinds,
        user_attrs={REASON: why} if why else {},
        intermediate_values={1: value / 2, 2: value} if value else {},
    )


def page_of(tmp_path, told, name="rooms", **parameters) -> Page:
    place = StudyPlace(f"sqlite:///{tmp_path}/studies.db", name, "abc", 60)
    study = open_study(place, None)
    study.add_trials(told)
    given = {"search": ["dropout", "imbalance"], "trials": len(told)} | parameters
    write_report(tmp_path / "report.html", study, TuneParameters.model_validate(given), place)
    return Page(tmp_path / "report.html")


@pytest.fixture
def many(tmp_path):
    trials = [trial(0.4 + index / 50, index / 20, ("focal", "logit_adjustment")[index % 2]) for index in range(8)]
    trials[0] = trial(0.6, 0.2, "logit_adjustment")  # the base, and better than all but the best
    trials += [trial(0.9, 0.5, "focal"), trial(0.3, 0.4, "focal", TrialState.PRUNED, "fell behind")]
    trials += [trial(0, 0.1, "focal", TrialState.FAIL, "out of memory")]
    return page_of(tmp_path, trials, trials=20)


def test_it_says_first_what_matters(many):
    assert "Trial 8 is the best: macro-F1 0.900 on the validation images, 0.300 above the parameters" in many.text
    assert "1 trial failed; the table says why." in many.text
    assert "9 trials of 20 are still to come" in many.text
    assert "9 of 11" in many.text
    assert "1, 1" in many.text


def test_it_holds_all_four_plots_and_their_script_once(many):
    assert many.html.count("plotly.js v") == 1
    ids = {value for name, value in many.attributes if name == "id"}
    assert {"history", "epochs", "importances", "parallel", "trials"} <= ids
    assert "No plot yet" not in many.text


def test_the_table_ranks_trials_and_gives_reasons(many):
    table = many.html[many.html.index('<table class="classes trials">') :]
    assert [int(number) for number in re.findall(r"<th>(\d+)</th>", table)][:2] == [8, 0]
    assert re.search(r"pruned</td>.*?0\.300.*?fell behind", table, re.DOTALL)
    assert re.search(r"failed</td>.*?out of memory", table, re.DOTALL)


def test_nothing_is_fetched_from_elsewhere(many):
    fetched = [value for name, value in many.attributes if name in ("src", "href", "srcset", "data", "action")]
    assert all(str(source).startswith("#") for source in fetched)
    assert "link" not in many.tags


@pytest.mark.parametrize(
    ("trials", "search", "why"),
    [
        ([trial(0.5, way="focal")], ["dropout", "imbalance"], "It takes two complete trials; there is 1."),
        ([trial(0.5), trial(0.6, 0.3)], ["dropout"], "Only one parameter was searched, dropout"),
        (
            [trial(0.5, 0.1, "focal"), trial(0.5, 0.3, "focal")],
            ["dropout", "imbalance"],
            "All 2 trials scored the same",
        ),
    ],
)
def test_what_cannot_be_drawn_yet_is_said(tmp_path, trials, search, why):
    assert why in page_of(tmp_path, trials, search=search).text


def test_when_nothing_beats_the_base_it_says_so(tmp_path):
    text = page_of(tmp_path, [trial(0.6, 0.2, "logit_adjustment"), trial(0.5, 0.4, "focal")]).text
    assert "These are the parameters as they were given: no trial beats them." in text


def test_names_and_reasons_are_text_and_nothing_else(tmp_path):
    trials = [trial(0.5, 0.1, "focal"), *(trial(0, 0.1, "focal", TrialState.FAIL, text) for text in HOSTILE)]
    page = page_of(tmp_path, trials, name=HOSTILE[0] + HOSTILE[1])
    assert page.tags.count("script") == page_of(tmp_path / "plain", trials[:1]).tags.count("script")
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    assert HOSTILE[0] in page.text
    assert "\x1b" not in page.html[page.html.index("<body>") + 5_000_000 :]


def test_names_in_plots_are_text(tmp_path):
    """A backbone may be any text that begins with keras_hub: and Optuna draws its name."""
    hostile = ("keras_hub:</script><script>alert(1)</script>", "efficientnet_lite0")
    kinds = {"dropout": DROPOUT, "backbone": CategoricalDistribution(hostile)}
    trials = [
        create_trial(value=0.5 + index / 10, params={"dropout": 0.1 * index, "backbone": name}, distributions=kinds)
        for index, name in enumerate([*hostile, *hostile])
    ]
    page = page_of(tmp_path, trials, backbones=list(hostile))
    assert "<script>alert(1)" not in page.html
    assert page.open == []


def test_numbers_have_the_digits_that_matter():
    assert [shown(value) for value in (0.00123456, 256, "focal", 0.5)] == ["0.001235", "256", "focal", "0.5"]
