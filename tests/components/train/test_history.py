import json

import pytest

from components._errors import InputError
from components.train.history import HISTORY_FILE, read_history, write_history
from tests.training_artifact import epoch_rows, history


def test_it_is_read_as_it_was_written(tmp_path):
    written = history({"küche 客厅": 3, "hall": 9})
    write_history(tmp_path, written)
    assert read_history(tmp_path) == written


def test_the_best_epoch_has_the_highest_macro_f1_and_then_the_lowest_loss():
    assert history(epochs=epoch_rows(head=[0.5, 0.7, 0.7], finetune=[0.6])).best["epoch"] == 3


def test_the_best_epoch_has_the_highest_accuracy_where_that_is_monitored():
    rows = epoch_rows(head=[0.7, 0.6, 0.5])
    rows[1]["val_accuracy"] = 0.8
    assert history(epochs=rows, monitor="accuracy").best["epoch"] == 2
    assert history(epochs=rows).best["epoch"] == 1


def test_before_there_was_a_choice_macro_f1_was_monitored(tmp_path):
    write_history(tmp_path, history())
    told = json.loads((tmp_path / HISTORY_FILE).read_text())
    del told["monitor"]
    (tmp_path / HISTORY_FILE).write_text(json.dumps(told))
    assert read_history(tmp_path).monitor == "macro_f1"


@pytest.mark.parametrize("text", [None, "{", "[]", '{"format_version": 1}', '{"format_version": 2}'])
def test_anything_else_is_refused(tmp_path, text):
    if text is not None:
        (tmp_path / HISTORY_FILE).write_text(text)
    with pytest.raises(InputError, match=r"history\.json: expected a training history of format version 1"):
        read_history(tmp_path)
