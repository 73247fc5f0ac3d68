"""The page of a split: counts by hand, changes since the run before, and what it escapes."""

import pytest

from components._errors import InputError
from components.split.assignment import SPLITS
from components.split.ledger import FoldMove, Tally, read_ledger
from components.split.report.findings import findings
from components.split.report.overview import ledger_overview, read_overview
from components.split.report.page import write_report
from tests.page_parser import HOSTILE, Page
from tests.split_artifact import GroupOf, outputs_of, write_split_artifacts

FIRST_RUN = [
    *(GroupOf(["coast"], "train") for _ in range(6)),
    *(GroupOf(["coast"], "validation") for _ in range(2)),
    *(GroupOf(["coast"], "test") for _ in range(2)),
    GroupOf(["street", "street", "street"], "train"),
    GroupOf(["street", "coast"], "test"),
]
TALLY = Tally(new_images=1200, vanished_images=7)


def overview_of(folder):
    return read_overview(outputs_of(folder), folder / "ledger")


def page_of(folder) -> Page:
    write_report(outputs_of(folder), folder / "ledger", folder / "report.html")
    return Page(folder / "report.html")


@pytest.fixture
def first_run(tmp_path):
    return write_split_artifacts(tmp_path / "split", FIRST_RUN, [["coast", "street"]])


@pytest.fixture
def second_run(tmp_path):
    groups = [
        *(GroupOf(["coast"], "train") for _ in range(3)),
        GroupOf(["coast"], "validation"),
        GroupOf(["coast"], "test", moved_from="train", name="tied"),
        GroupOf(["field"], "train", last_run=0),
        *(GroupOf(["street"], split, first_run=1) for split in ("train", "validation", "test")),
    ]
    return write_split_artifacts(tmp_path / "split", groups, [["coast", "field"], ["coast", "street"]], tally=TALLY)


def test_images_and_groups_per_class_and_split(first_run):
    coast, street = overview_of(first_run).classes
    assert (coast.name, coast.images) == ("coast", {"train": 6, "validation": 2, "test": 3})
    assert (street.name, street.images) == ("street", {"train": 3, "validation": 0, "test": 1})
    assert coast.groups == {"train": 6, "validation": 2, "test": 3}
    assert street.groups == {"train": 1, "validation": 0, "test": 1}
    assert (coast.share("test"), street.share("validation")) == (pytest.approx(3 / 11), 0)


def test_shares_and_imbalance_of_all(first_run):
    overview = overview_of(first_run)
    assert (overview.rows, overview.share("train")) == (15, 9 / 15)
    assert (overview.imbalance("train"), overview.imbalance("validation")) == (2, float("inf"))
    assert overview.ledger.groups == {"train": 7, "validation": 2, "test": 3}


def test_findings_of_a_first_run(first_run):
    assert [(finding.text, finding.is_problem) for finding in findings(overview_of(first_run))] == [
        ("Not in every split: street (none in validation, 2 groups in all).", True)
    ]


def test_classes_off_the_overall_shares_are_named(tmp_path):
    groups = [
        *(GroupOf([name] * 10, split) for name in "abcd" for split in ("train", "train", "validation", "test")),
        *(GroupOf(["e"] * 10, split) for split in ("train", "validation", "test", "test")),
    ]
    (found,) = findings(overview_of(write_split_artifacts(tmp_path / "split", groups, ["abcde"])))
    assert found.text == "Off the overall shares: e (50.0 % in test, overall 30.0 %)."
    assert not found.is_problem


def test_changes_since_the_run_before(second_run):
    overview = overview_of(second_run)
    assert [(row.name, row.new_groups) for row in overview.classes] == [("coast", 0), ("street", 3)]
    assert (overview.ledger.gone, overview.ledger.runs, overview.ledger.date) == (1, 2, "2026-11-01")
    assert [(finding.text, finding.is_problem) for finding in findings(overview)] == [
        ("1 group had to move: new images tie them to groups of another split.", True),
        ("New classes: street.", True),
        ("Vanished classes: field.", True),
        ("1,200 new images and 7 gone, 3 new groups and 1 gone since 2026-10-01.", False),
    ]


def test_page_of_a_second_run(second_run):
    text = page_of(second_run).text
    assert "Train 4 50.0 % Validation 2 25.0 % Test 2 25.0 % Groups 8 New images 1,200" in text
    assert "New images 1,200 Runs so far 2" in text
    assert "New images 1,200 Vanished images 7 New groups 3 Vanished groups 1" in text
    assert "coast 3 60.0 % 1 20.0 % 1 20.0 % 3 1 1 0" in text
    assert "all classes 4 50.0 % 2 25.0 % 2 25.0 % 4 2 2 3" in text
    assert "largest to smallest class 3.0 to 1 1.0 to 1 1.0 to 1" in text
    assert "Vanished groups 1 New classes street Vanished classes field Moved groups train → test tied" in text


def test_page_of_a_first_run_has_nothing_to_compare_with(first_run):
    text = page_of(first_run).text
    assert "New groups new ledger" in text
    assert "a new ledger began with this data, as none was given or none was found at the path given" in text
    assert "first run" not in text  # it may be one of many on the same data
    assert "largest to smallest class 2.0 to 1 ∞ to 1 3.0 to 1" in text


@pytest.mark.parametrize("fold", [0, 1])
def test_the_validating_fold_is_named_and_its_groups_are_validations(fold, tmp_path):
    groups = [
        GroupOf(["a", "b"], "test"),
        GroupOf(["a", "b"], "train", fold=0),
        GroupOf(["a", "b"], "train", fold=1),
        GroupOf(["b", "b"], "train", fold=1),
    ]
    folder = write_split_artifacts(tmp_path / "split", groups, ["ab"], folds=2, fold=fold)
    overview = overview_of(folder)
    assert overview.fold == fold
    assert overview.ledger.groups == {"train": 2 - fold, "validation": 1 + fold, "test": 1}
    assert f"fold {fold} of 2 validates" in page_of(folder).text


@pytest.mark.parametrize(
    ("fold", "said"), [(0, "train → validation tied"), (1, "validation → train tied"), (2, "none")]
)
def test_a_change_of_folds_is_listed_where_it_changes_the_split(fold, said, tmp_path):
    groups = [GroupOf(["a", "b"], "test"), *(GroupOf(["a", "b"], "train", fold=fold) for fold in (0, 1, 2))]
    tally = Tally(new_images=1, vanished_images=0, fold_moves=(FoldMove(group="tied", from_fold=1, to_fold=0),))
    folder = write_split_artifacts(tmp_path / "split", groups, ["ab", "ab"], folds=3, fold=fold, tally=tally)
    text = page_of(folder).text
    assert f"Moved groups {said}" in text
    assert "Each group stays in its fold unless new images tie it to one of another fold." in text
    problems = [finding.text for finding in findings(overview_of(folder)) if finding.is_problem]
    assert ("1 group had to move: new images tie them to groups of another split." in problems) == (fold != 2)


def test_a_second_run_of_a_ledger_without_a_tally_shows_groups_alone(tmp_path):
    groups = [GroupOf(["a", "b"], split, first_run=1) for split in SPLITS]
    text = page_of(write_split_artifacts(tmp_path / "split", groups, ["ab", "ab"])).text
    assert "Groups 3 New groups 3 Runs so far 2" in text
    assert "New images" not in text


def test_a_ledger_alone_does_not_know_which_fold_validates(tmp_path):
    groups = [GroupOf(["a", "b"], "test"), *(GroupOf(["a", "b"], "train", fold=fold) for fold in (0, 1))]
    folder = write_split_artifacts(tmp_path / "split", groups, ["ab"], folds=2, fold=0)
    ledger = ledger_overview(read_ledger(folder / "ledger"))
    assert (ledger.folds, ledger.groups) == (2, {"train": 2, "validation": 0, "test": 1})


def test_groups_are_of_the_labels_they_have_now(tmp_path):
    groups = [
        *(GroupOf(["a"], split, earlier_labels=["b", "gone"]) for split in ("train", "validation", "test")),
        GroupOf(["b"], "train", earlier_labels=["a"]),
    ]
    a, b = overview_of(write_split_artifacts(tmp_path / "split", groups, [["a", "b", "gone"], ["a", "b"]])).classes
    assert (a.groups, b.groups) == (dict.fromkeys(SPLITS, 1), {"train": 1, "validation": 0, "test": 0})


@pytest.mark.parametrize(("gone", "new", "found"), [(5, 5, True), (6, 5, True), (4, 6, False), (6, 4, False)])
def test_a_set_of_which_most_was_exchanged_is_a_problem(gone, new, found, tmp_path):
    groups = [
        *(GroupOf(["a"], "train", last_run=0) for _ in range(gone)),
        *(GroupOf(["a", "b"], SPLITS[number % 3]) for number in range(10 - gone)),
        *(GroupOf(["a", "b"], SPLITS[number % 3], first_run=1) for number in range(new)),
    ]
    folder = write_split_artifacts(tmp_path / "split", groups, ["ab", "ab"])
    said = [finding.text for finding in findings(overview_of(folder)) if finding.is_problem]
    text = f"Most images are new: {gone} of 10 groups have gone since 2026-10-01, {new} have come."
    assert any(problem.startswith(text) for problem in said) == found


@pytest.mark.parametrize("mixed", ["train", "test", "ledger"])
def test_artifacts_of_different_runs_are_refused(mixed, first_run, tmp_path):
    other = write_split_artifacts(tmp_path / "other", FIRST_RUN[1:], [["coast", "street"]])
    folders = {name: first_run / name for name in (*SPLITS, "ledger")} | {mixed: other / mixed}
    with pytest.raises(InputError, match="Name the outputs of one run of split"):
        read_overview({split: folders[split] for split in SPLITS}, folders["ledger"])


def test_folds_of_one_cut_are_not_mixed(tmp_path):
    groups = [GroupOf(["a", "b"], "test"), *(GroupOf(["a", "b"], "train", fold=fold) for fold in (0, 1))]
    one, other = (write_split_artifacts(tmp_path / f"{fold}", groups, ["ab"], folds=2, fold=fold) for fold in (0, 1))
    with pytest.raises(InputError, match=r"1.validation: expected .*, fold 0\), received .*, fold 1\)"):
        read_overview({**outputs_of(one), "validation": other / "validation"}, one / "ledger")


def test_a_split_without_a_record_is_refused(first_run):
    (first_run / "validation" / "run.json").unlink()
    with pytest.raises(InputError, match=r"validation.run\.json: expected the record of the run"):
        overview_of(first_run)


def test_a_ledger_of_another_run_is_refused(first_run, tmp_path):
    other = write_split_artifacts(tmp_path / "other", [GroupOf(["a", "b"], "train")], ["ab"])
    with pytest.raises(InputError, match=r"expected a ledger of the classes \['coast', 'street'\], received one of"):
        read_overview(outputs_of(first_run), other / "ledger")


def test_names_are_text_and_nothing_else(tmp_path):
    groups = [GroupOf([name], split, first_run=1) for name in HOSTILE for split in ("train", "validation", "test")]
    groups.append(GroupOf([HOSTILE[0]], "test", moved_from="train", name=HOSTILE[0]))
    page = page_of(write_split_artifacts(tmp_path / "split", groups, [["old", HOSTILE[1]], HOSTILE]))
    page.assert_harmless()
    for shown in (*HOSTILE[:3], r"\x1b[31mred\x1b]0;title\x07", r"two\nlines\u202e", HOSTILE[5]):
        assert shown in page.text


def test_pages_are_equal_byte_for_byte(second_run):
    assert page_of(second_run).html == page_of(second_run).html
