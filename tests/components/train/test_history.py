import json

import numpy as np
import pytest
from PIL import Image

from components.train.callbacks import EpochRow
from components.train.exposure import exposures
from components.train.history import curves, write_history
from components.train.imbalance import correction
from components.train.mixing import Mixing


def rows(**epochs_of_phase: int) -> list[EpochRow]:
    return [
        EpochRow(
            phase=phase,
            epoch=epoch,
            loss=2 / epoch,
            accuracy=0.5,
            val_loss=3 / epoch,
            val_accuracy=0.25,
            val_macro_f1=0.125,
            learning_rate=0.001,
            seconds=1.5,
            images_per_s=10.0,
        )
        for phase, epochs in epochs_of_phase.items()
        for epoch in range(1, epochs + 1)
    ]


@pytest.mark.parametrize("history", [rows(head=1), rows(head=3), rows(head=2, finetune=1)])
def test_history_is_json_and_a_picture(tmp_path, history):
    write_history(tmp_path, history)
    assert json.loads((tmp_path / "history.json").read_text()) == {"format_version": 1, "epochs": history}
    with Image.open(tmp_path / "curves.png") as picture:
        assert (picture.format, picture.size) == ("PNG", (1320, 480))
        assert len(picture.convert("RGB").getcolors(1 << 24)) > 10


def test_exposure_and_augmented_samples_are_kept(tmp_path):
    exposure = exposures({"küche": 3, "bad": 1}, correction("class_weight", 1.0, [3, 1]), Mixing())
    samples = np.full((2, 3, 8, 8, 3), 200, np.uint8)
    write_history(tmp_path, rows(head=1), {"head": exposure}, samples)
    assert json.loads((tmp_path / "history.json").read_text())["exposure"] == {"head": exposure}
    with Image.open(tmp_path / "augmentation.png") as picture:
        assert (picture.format, picture.mode) == ("PNG", "RGB")
        assert picture.getpixel((0, 0)) == (200, 200, 200)


def test_curves_show_every_column_by_epoch_over_both_phases():
    loss, score = (
        {line.get_label(): line.get_xydata().tolist() for line in axes.lines}
        for axes in curves(rows(head=2, finetune=2)).axes
    )
    boundary = [x for x, _ in loss.pop("finetune begins")]
    assert boundary == [x for x, _ in score.pop("finetune begins")] == [2.5, 2.5]
    assert list(loss.values()) == [[[1, 2], [2, 1], [3, 2], [4, 1]], [[1, 3], [2, 1.5], [3, 3], [4, 1.5]]]
    assert list(score.values()) == [[[epoch, share] for epoch in range(1, 5)] for share in (0.5, 0.25, 0.125)]


def test_one_phase_has_no_boundary():
    labels = [line.get_label() for axes in curves(rows(finetune=3)).axes for line in axes.lines]
    assert not [label for label in labels if "begins" in label]
