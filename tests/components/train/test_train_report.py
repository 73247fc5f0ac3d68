"""The page of a training: what it says, what stands out, where its lines go, and what it escapes."""

import re

import pytest

from components._errors import InputError
from components.train.history import DataSummary
from components.train.report.charts import charts
from components.train.report.findings import findings
from components.train.report.overview import overview_of, read_overview
from components.train.report.page import write_report
from tests.page_parser import HOSTILE, Page
from tests.training_artifact import COUNTS, epoch_rows, exposure_of, history, write_training_artifact


def page_of(tmp_path, of=None) -> Page:
    write_report(write_training_artifact(tmp_path / "history", of), tmp_path / "report.html")
    return Page(tmp_path / "report.html")


def by_accuracy(**accuracy_of_phase):
    """A history of which the accuracy chose the best epoch, by the macro-F1 the worst."""
    rows = epoch_rows(**accuracy_of_phase)
    changed = [{"val_accuracy": row["val_macro_f1"], "val_macro_f1": 1 - row["val_macro_f1"]} for row in rows]
    return history(epochs=[row | of_it for row, of_it in zip(rows, changed, strict=True)], monitor="accuracy")


def texts(of) -> list[str]:
    return [finding.text for finding in findings(overview_of(of))]


def test_summary(tmp_path):
    text = page_of(tmp_path).text
    assert "Training efficientnet_lite0 on 132 images in 3 classes" in text
    assert "Macro-F1, validation 0.800 Accuracy, validation 0.750 Best epoch by macro-F1 4 of 5: finetune 1 " in text
    assert "Time 20.0 s" in text
    assert "Its weights imagenet Images to learn from 132 Validation images 32" in text
    assert "features 12.5 s head 4.5 s, 3 epochs finetune 3.0 s, 2 epochs" in text


def test_it_says_what_chose_the_best_epoch(tmp_path):
    text = page_of(tmp_path, by_accuracy(head=[0.5, 0.6])).text
    assert "Training of efficientnet_lite0: accuracy 0.600" in text
    assert "Best epoch by accuracy 2 of 2: head 2" in text


def test_epochs_with_the_best_marked(tmp_path):
    text = page_of(tmp_path).text
    assert "3 head 3 0.667 0.500 1.000 0.750 0.700 1e-05 1.5 1,234" in text
    assert "4 finetune 1, best 2.000 0.500 3.000 0.750 0.800 0.001 1.5 1,234" in text


def test_of_many_epochs_some_are_listed_and_the_best(tmp_path):
    text = page_of(tmp_path, history(epochs=epoch_rows(head=[0.1] * 400 + [0.9] + [0.1] * 200))).text
    assert "One epoch in 3 is listed, and the best one." in text
    assert "399 head 399 " in text
    assert "400 head 400 " not in text
    assert "401 head 401, best " in text


def test_exposure_is_told_once_for_phases_that_are_alike(tmp_path):
    weighted = exposure_of(COUNTS, weight=2.0)
    phases = {"head": exposure_of(COUNTS), "finetune": exposure_of(COUNTS), "classifier": weighted}
    text = page_of(tmp_path, history(exposure=phases)).text
    assert "head, finetune Class Images of all Validation Drawn Weight Logit Exposure street 12 9.1 % 3" in text
    assert text.count("street 12 9.1 % 3") == 2
    assert "street 12 9.1 % 3 \u00d71.00 \u00d72.00 0 9.1 %" in text


def test_speed_and_what_it_is_based_on(tmp_path):
    text = page_of(tmp_path).text
    assert "batch_size 64, because 128 images don't fit into memory" in text
    assert "head float32: the others are slower." in text
    assert "mixed_bfloat16 12.5 1.5 s ended early" in text
    assert "Speed" not in page_of(tmp_path / "none", history(speed={})).text


def test_speed_of_another_version_is_refused():
    with pytest.raises(InputError, match="expected under `speed` what this version measures"):
        overview_of(history(speed={"head": {"precision": "float32"}}))


def test_parameters_that_differ_from_their_defaults(tmp_path):
    parameters = {"batch_size": "32", "dropout": 0.5, "of_long_ago": [1]}
    changed = overview_of(history(parameters=parameters | {"backbone": "efficientnet_lite0"})).changed
    assert [(one.name, one.value, one.default) for one in changed] == [
        ("dropout", 0.5, 0.2),
        ("of_long_ago", [1], None),
    ]
    assert "Parameter Value Default batch_size 64 32" in page_of(tmp_path).text


def test_samples_are_a_picture_of_bounded_size(tmp_path):
    page = page_of(tmp_path)
    (source,) = (value for name, value in page.attributes if name == "src")
    assert source.startswith("data:image/jpeg;base64,")
    assert len(page.html) < 700_000


def test_same_history_gives_the_same_bytes(tmp_path):
    assert page_of(tmp_path / "a").html == page_of(tmp_path / "b").html


def test_names_can_do_no_harm(tmp_path):
    named = history(dict.fromkeys(HOSTILE, 5), weights=HOSTILE[0], parameters={"backbone": HOSTILE[1]})
    page = page_of(tmp_path, named)
    page.assert_harmless()
    assert HOSTILE[0] in page.text


def test_a_good_training_gives_no_cause_for_complaint():
    assert texts(history()) == []


def test_classes_without_validation_images_come_first():
    validation = DataSummary(digest="b" * 64, counts={"coast": 9, "forest": 3, "street": 0})
    of = history(validation=validation, epochs=epoch_rows(head=[0.5, 0.6]))
    assert texts(of) == [
        "No validation image of street: the best epoch was chosen without a look at it.",
        "The last epoch is the best one: it may pay to train for longer.",
    ]


def test_no_better_than_guessing():
    assert texts(history(epochs=epoch_rows(head=[0.3, 0.2])))[0].startswith(
        "Even the best epoch is no better than guessing: macro-F1 0.300 on the validation images, with 3 classes."
    )


def test_no_better_than_naming_the_largest_class():
    assert texts(by_accuracy(head=[0.68, 0.6]))[0].startswith(
        "Even the best epoch is no better than guessing: accuracy 0.680 on the validation images, of which one class "
        "has 68.8 %. Look"
    )
    assert texts(by_accuracy(head=[0.7, 0.6])) == []


def test_naming_the_largest_class_is_known_by_its_rounded_accuracy():
    two_of_three = by_accuracy(head=[0.66667]).model_copy(
        update={"validation": DataSummary(digest="b" * 64, counts={"coast": 2, "forest": 1})}
    )
    assert "accuracy 0.667 on the validation images, of which one class has 66.7 %" in texts(two_of_three)[0]


def test_a_class_that_is_made_up_for_twice():
    of = history(exposure={"head": exposure_of(COUNTS), "finetune": exposure_of(COUNTS, weight=2.0, sampling=3.0)})
    assert texts(of) == ["finetune: corrected twice, by sampling and weights: street, forest, coast."]


def test_mixing_that_takes_weights_back():
    exposure = exposure_of({"coast": 90, "street": 10})
    exposure["coast"] |= {"weight": 0.5556, "exposure": 0.7}
    exposure["street"] |= {"weight": 5.0, "exposure": 0.3}
    assert texts(history(exposure={"finetune": exposure})) == [
        "finetune: mixing takes back part of the class weights: street (30.0 %, alone 50.0 %)."
    ]


def test_a_phase_that_brought_nothing():
    assert texts(history(epochs=epoch_rows(head=[0.5, 0.7, 0.6], finetune=[0.6, 0.65]))) == [
        "The phase finetune brought nothing: macro-F1 0.650 at best, head had 0.700. Its epochs were left aside."
    ]


def test_a_phase_that_brought_no_accuracy():
    assert texts(by_accuracy(head=[0.75, 0.8], finetune=[0.7, 0.79])) == [
        "The phase finetune brought nothing: accuracy 0.790 at best, head had 0.800. Its epochs were left aside."
    ]


def test_lines_go_from_left_to_right_and_high_values_are_high():
    loss, scores, _ = charts(epoch_rows(head=[0.1, 0.2, 0.3], finetune=[0.4]), best=3)
    points = [tuple(map(float, point.split(","))) for point in scores.lines[2].points.split()]
    assert [x for x, _ in points] == sorted(x for x, _ in points)
    assert [y for _, y in points] == sorted((y for _, y in points), reverse=True)
    assert all(scores.top <= y <= scores.top + scores.height for _, y in points)
    assert (scores.lines[2].x, scores.lines[2].y) == pytest.approx(points[3], abs=0.1)
    assert [boundary.phase for boundary in loss.boundaries] == ["head", "finetune"]
    assert [tick.text for tick in loss.epochs] == ["1", "2", "3", "4"]


def test_learning_rates_are_on_a_logarithmic_scale_where_0_has_a_place():
    rows = epoch_rows(head=[0.1, 0.1, 0.1])
    rows[2]["learning_rate"] = 0.0
    *_, rate = charts(rows, best=0)
    assert [tick.text for tick in rate.values] == ["1e-07", "1e-06", "1e-05", "0.0001", "0.001"]
    last = float(rate.lines[0].points.split()[-1].split(",")[1])
    assert last < rate.top + rate.height


def test_one_epoch_and_values_that_are_all_alike_can_be_drawn(tmp_path):
    page = page_of(tmp_path, history(epochs=epoch_rows(head=[0.9])))
    assert len(re.findall("<polyline", page.html)) == 6
    assert "nan" not in page.html


def test_a_folder_without_a_history_is_refused(tmp_path):
    with pytest.raises(InputError, match="expected a training history"):
        read_overview(tmp_path)
