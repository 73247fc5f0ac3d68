import pytest
from PIL import Image

from components.train.curves import curves
from tests.training_artifact import epoch_rows


@pytest.mark.parametrize("rows", [epoch_rows(head=[0.1]), epoch_rows(head=[0.1, 0.2], finetune=[0.3])])
def test_curves_are_a_picture(tmp_path, rows):
    curves(rows).savefig(tmp_path / "curves.png", dpi=120)
    with Image.open(tmp_path / "curves.png") as picture:
        assert (picture.format, picture.size) == ("PNG", (1320, 480))
        assert len(picture.convert("RGB").getcolors(1 << 24)) > 10


def test_curves_show_every_column_by_epoch_over_all_phases():
    loss, score = (
        {line.get_label(): line.get_xydata().tolist() for line in axes.lines}
        for axes in curves(epoch_rows(head=[0.1, 0.2], finetune=[0.3, 0.4])).axes
    )
    boundary = [x for x, _ in loss.pop("finetune begins")]
    assert boundary == [x for x, _ in score.pop("finetune begins")] == [2.5, 2.5]
    assert list(loss.values()) == [[[1, 2], [2, 1], [3, 2], [4, 1]], [[1, 3], [2, 1.5], [3, 3], [4, 1.5]]]
    accuracy, val_accuracy, macro_f1 = score.values()
    assert [accuracy, val_accuracy] == [[[epoch, share] for epoch in range(1, 5)] for share in (0.5, 0.75)]
    assert macro_f1 == [[1, 0.1], [2, 0.2], [3, 0.3], [4, 0.4]]


def test_one_phase_has_no_boundary():
    labels = [line.get_label() for axes in curves(epoch_rows(finetune=[0.1] * 3)).axes for line in axes.lines]
    assert not [label for label in labels if "begins" in label]
