"""`scenery inspect`: what it prints of each artifact, and what it does with names that are no mere words."""

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from components._errors import InputError
from components.ingest.rejected import Rejected
from components.split.ledger import FoldMove, Tally
from pipelines.inspection.artifact import inspect
from pipelines.inspection.text import bar, stacked_bar
from pipelines.local.step import write_step_folders
from tests.image_artifact import write_images_artifact
from tests.page_parser import HOSTILE
from tests.split_artifact import GroupOf, write_split_artifacts
from tests.training_artifact import history, write_training_artifact

ROWS = [
    *({"label": "coast", "group": f"g{number // 2}"} for number in range(6)),
    *({"label": "street", "quality_flags": ["dark"], "brightness": 0.05} for _ in range(4)),
]
REJECTED = [Rejected("street/x.jpg", "street", "damaged", "cut short")]
GROUPS = [
    *(GroupOf(["coast"], split) for split in ("train", "train", "validation", "test")),
    *(GroupOf(["street"], split, first_run=1) for split in ("train", "train", "validation", "test")),
]


@pytest.fixture
def run(tmp_path):
    """The folder of a run with its steps."""
    write_images_artifact(tmp_path / "run" / "ingest" / "images", ROWS, REJECTED)
    classes = [["coast", "field"], ["coast", "street"]]
    tally = Tally(new_images=20, vanished_images=3)
    write_split_artifacts(tmp_path / "run" / "split", GROUPS, classes, tally=tally)
    write_training_artifact(tmp_path / "run" / "train" / "history")
    return tmp_path / "run"


def shown(path, width=80) -> str:
    """Returns what it prints where it is piped to, lines without the spaces at their ends."""
    stream = io.StringIO()
    inspect(Console(file=stream, width=width, markup=False, emoji=False, highlight=False), str(path))
    return "\n".join(line.rstrip() for line in stream.getvalue().splitlines())


def test_images_with_paths_in_place_of_pictures(run):
    text = shown(run / "ingest" / "images")
    assert text.startswith(
        "Images  10 images of 11 files, 2 classes, 7 groups, imbalance 1.5 to 1\n\n! 1 file (9.1 %) rejected"
    )
    assert "\nclass   images   share                            groups  rejected\ncoast        6  60.0 %" in text
    assert "\nNear-duplicates  6 images in 3 clusters\n  2 images: coast 2\n    coast/0.jpg\n    coast/1.jpg\n" in text
    assert "\nDoubtful quality  4 images (40.0 %)\n  dark, 4 images\n    brightness 0.05  street/6.jpg\n" in text
    assert text.endswith("\nRejected files  1\n  damaged, 1 file\n    street/x.jpg: cut short")


def test_a_run_that_took_over_a_step_shows_it_too(run, tmp_path):
    later = tmp_path / "later"
    later.mkdir()
    (run / "split").rename(later / "split")
    write_step_folders(later, {"ingest": run / "ingest", "split": later / "split"})
    text = shown(later)
    assert text.startswith("Images  10 images")
    assert "Train, validation and test" in text


def test_a_ledger_of_any_name(run, tmp_path):
    ledger = tmp_path / "scenes.parquet"
    (run / "split" / "ledger" / "ledger.parquet").rename(ledger)
    assert "groups" in shown(ledger)


@pytest.mark.parametrize("text", ["[]", "{", '{"ingest": 1}'])
def test_a_run_whose_list_of_steps_is_damaged_is_refused(tmp_path, text):
    (tmp_path / "steps.json").write_text(text)
    with pytest.raises(InputError, match=r"steps\.json: expected the folders of a run's steps"):
        shown(tmp_path)


def test_images_without_anything_to_say(tmp_path):
    rows = [{"label": label} for label in ("coast", "street") for _ in range(3)]
    text = shown(write_images_artifact(tmp_path / "images", rows))
    assert text.splitlines()[1:3] == ["", "Classes, the largest first"]
    assert text.endswith("Near-duplicates  none\n\nDoubtful quality  none\n\nRejected files  none")


def test_split_with_shares_groups_and_changes(run):
    text = shown(run / "split")
    assert text.startswith("Train, validation and test  8 images in 8 groups\n\n! New classes: street.\n")
    assert "\ncoast        █████▒▒▒░░      2  50.0 %           1  25.0 %     1  25.0 %\n" in text
    assert "\nall classes      4           2     2    4\n" in text
    assert "\n  20 new images and 3 gone, 4 new groups and 0 gone\n  new classes: street\n" in text
    assert "\n  vanished classes: field\n  moved groups: none" in text


def test_moved_groups_are_listed(tmp_path):
    groups = [GroupOf(["a", "b"], "test", moved_from="train", name="tied"), GroupOf(["a", "b"], "train")]
    text = shown(write_split_artifacts(tmp_path / "split", groups, ["ab", "ab"]))
    assert "\n  moved groups: 1\n    train → test  tied" in text


@pytest.mark.parametrize(("path", "move"), [("split", "validation → train"), ("split/ledger", "fold 1 → fold 0")])
def test_moves_between_folds_are_listed(path, move, tmp_path):
    groups = [GroupOf(["a", "b"], "test"), *(GroupOf(["a", "b"], "train", fold=fold) for fold in (0, 1))]
    tally = Tally(new_images=1, vanished_images=0, fold_moves=(FoldMove(group="tied", from_fold=1, to_fold=0),))
    write_split_artifacts(tmp_path / "split", groups, ["ab", "ab"], folds=2, fold=1, tally=tally)
    assert f"\n  moved groups: 1\n    {move}  tied" in shown(tmp_path / path)


def test_pictures_of_one_key_that_look_alike_are_listed(tmp_path):
    house = {"group": "house", "group_keys": ["house"]}
    rows = [
        house | {"label": label, "perceptual_hash": of} for label, of in (("coast", 1), ("street", 1), ("coast", 2))
    ]
    text = shown(write_images_artifact(tmp_path / "images", [*rows, *ROWS[6:]]))
    assert "! 1 cluster of near-duplicates under several labels: one of them may be wrong." in text
    assert "\nNear-duplicates  2 images in 1 cluster\n  2 images: coast 1, street 1\n    coast/0.jpg\n" in text


def test_first_run_has_nothing_to_compare_with(tmp_path):
    groups = [GroupOf(["a", "b"], split) for split in ("train", "validation", "test")]
    text = shown(write_split_artifacts(tmp_path / "split", groups, ["ab"]))
    assert text.endswith("What changed  nothing to compare with: a new ledger began with this data")


@pytest.mark.parametrize("path", ["split/ledger", "split/ledger/ledger.parquet"])
def test_ledger_alone(path, run):
    text = shown(run / path)
    assert text.startswith("Ledger  8 groups after 2 runs, the last on 2026-11-01\n\nGroups\n")
    assert "coast            2           1     1    0\n" in text
    assert "\nWhat changed  since the run of 2026-10-01\n" in text


@pytest.mark.parametrize("path", ["split/test", "split/test/dataset.json"])
def test_one_dataset_of_examples(path, run):
    text = shown(run / path)
    assert text.startswith("Examples  2 images in 1 shard\n\nClasses, the largest first\n")
    assert "\ncoast        1  50.0 %  ████" in text


def test_whole_run_is_its_steps(run):
    assert shown(run) == "\n\n\n".join(shown(run / step) for step in ("ingest", "split", "train"))


@pytest.mark.parametrize("path", ["train", "train/history", "train/history/history.json"])
def test_training_with_epochs_exposure_speed_and_parameters(path, run):
    text = shown(run / path, width=100)
    assert text.startswith(
        "Training  efficientnet_lite0 (imagenet) on 132 images in 3 classes, macro-F1 0.800 on 32 validation images "
        "after 20.0 s"
    )
    assert "\nEpochs  features 12.5 s, head 4.5 s, finetune 3.0 s\n" in text
    assert "\n4 finetune 1 *  2.000     0.500     3.000     0.750     0.800   0.001  1.5\n" in text
    assert "\n* 4 is the best by macro-F1: its weights are the model's\n" in text
    assert "\nLearned from each class  head, finetune\nclass   images  of all  drawn  weight  logit  exposure\n" in text
    assert "\nstreet      12   9.1 %  x1.00   x1.00  -2.40     9.1 %  █▌\n" in text
    assert "\n  head: float32 is taken: the others are slower\n    float32: 8.5 ms a step, compiled in 1.2 s\n" in text
    assert text.endswith("\nParameters\n  batch_size: 64  (default: 32)")


def test_inspecting_a_training_takes_no_tensorflow(run):
    code = "import sys, pipelines.inspection.artifact; sys.exit('tensorflow' in sys.modules or 'keras' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], timeout=60, check=True)


def test_80_columns_are_enough(run):
    long = run.with_name("long")
    rows = [{"label": name} for name in ("a" * 90, "b" * 30) for _ in range(120)]
    write_images_artifact(long, rows, shard_rows=500)
    for text in (shown(run), shown(long)):
        tables = [line for line in text.splitlines() if "%" in line and not line.startswith(("·", "Doubtful"))]
        assert tables
        assert max(map(len, tables)) <= 80


def test_names_can_do_no_harm(tmp_path):
    rows = [{"label": name, "source_uri": f"{name}/{n}", "group": "g"} for name in HOSTILE for n in range(3)]
    rejected = [Rejected(f"{name}/x.jpg", name, "damaged", f"because of {name}") for name in HOSTILE]
    groups = [GroupOf([name], split, first_run=1) for name in HOSTILE for split in ("train", "validation", "test")]
    groups.append(GroupOf([HOSTILE[3]], "test", moved_from="train", name=HOSTILE[3]))
    write_images_artifact(tmp_path / "run" / "images", rows, rejected)
    training = history(dict.fromkeys(HOSTILE, 8), weights=HOSTILE[3])
    write_training_artifact(tmp_path / "run" / "train" / "history", training)
    write_split_artifacts(tmp_path / "run" / "split", groups, [["old", HOSTILE[4]], HOSTILE])
    text = shown(tmp_path / "run", width=100)
    assert all(character.isprintable() or character == "\n" for character in text)
    assert r"\x1b[31mred\x1b]0;title\x07/x.jpg: because of \x1b[31mred" in text
    assert HOSTILE[0] in text


def test_paths_stay_whole_to_be_copied(tmp_path):
    path = "coast/" + "a long name " * 20 + ".jpg"
    rows = [{"label": "coast", "group": "g", "source_uri": path}, {"label": "coast", "group": "g"}, *ROWS[6:]]
    assert f"    {path}\n" in shown(write_images_artifact(tmp_path / "images", rows))


@pytest.mark.parametrize(
    ("make", "found"),
    [
        (Path.exists, "found nothing"),
        (lambda path: path.write_text("text"), "found a file of another kind"),
        (Path.mkdir, "found a folder of nothing"),
        (lambda path: [(path / f"{n}\x1b").mkdir(parents=True) for n in range(10)], r"of 0\x1b, 1\x1b, "),
    ],
)
def test_anything_else_is_refused_with_what_there_is(make, found, tmp_path):
    make(tmp_path / "thing")
    with pytest.raises(InputError) as refusal:
        shown(tmp_path / "thing")
    assert found in str(refusal.value)
    assert "expected the folder of a dataset (dataset.json), a ledger (ledger.parquet), a training" in str(
        refusal.value
    )


def test_a_ledger_in_a_bucket_is_shown_as_one_here(run, bucket):
    ledger = run / "split" / "ledger" / "ledger.parquet"
    bucket.put("scenes/ledger.parquet", ledger.read_bytes())
    assert shown(f"{bucket.uri}/scenes/ledger.parquet") == shown(ledger)


def test_what_else_lies_in_a_bucket_is_refused_with_what_to_do():
    with pytest.raises(InputError, match=r"^gs://acme/runs/7: expected a path on this machine, or a ledger"):
        shown("gs://acme/runs/7")


@pytest.mark.parametrize("manifest", ["{", "[]", '{"kind": "cakes"}'])
def test_a_damaged_manifest_is_refused(manifest, run):
    (run / "ingest" / "images" / "dataset.json").write_text(manifest)
    with pytest.raises(InputError, match="expected a manifest of format version 1"):
        shown(run)


def test_command_prints_the_same_without_colour_when_piped(run):
    command = [sys.executable, "-m", "pipelines.cli", "inspect", str(run)]
    environment = os.environ | {"COLUMNS": "80"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=True)
    assert "\x1b" not in done.stdout
    assert "\n".join(line.rstrip() for line in done.stdout.splitlines()) == shown(run)


def test_help_shows_examples():
    command = [sys.executable, "-m", "pipelines.cli", "inspect", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert "scenery inspect runs/latest/ingest/images" in done.stdout


def test_command_refuses_in_one_message_and_status_2(tmp_path):
    command = [sys.executable, "-m", "pipelines.cli", "inspect", str(tmp_path / "nowhere")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: {tmp_path}/nowhere: expected the folder of a dataset")


@pytest.mark.parametrize(("share", "shown_as"), [(0, ""), (1e-9, "▏"), (0.5, "██"), (0.53, "██▏"), (1, "████")])
def test_bar_is_fine_to_an_eighth(share, shown_as):
    assert bar(share, 4).plain == shown_as


def test_stacked_bar_fills_its_width_however_it_rounds():
    assert stacked_bar([(1 / 3, "a", ""), (1 / 3, "b", ""), (1 / 3, "c", "")], 10).plain == "aaabbbbccc"
    assert stacked_bar([(0, "a", ""), (0, "b", "")], 10).plain == ""
