"""What a run makes of the ledger of the runs before it."""

from dataclasses import replace

import pytest

from components._errors import InputError
from components.split.changes import Move, changes
from components.split.decision import parameters_digest
from components.split.ledger import Run
from components.split.parameters import SplitParameters
from tests.components.split.rows_by_hand import Image, decided


def _group(*images, label="a", keys=(), hashes=()):
    """A group of images; the first has all keys, and the first ones have the hashes."""
    of_image = [*hashes, *[None] * len(images)]
    return [
        Image(image, label, min(images), () if number else keys, of_image[number])
        for number, image in enumerate(images)
    ]


def _decide(groups, previous=None, date="2024-01-31", class_names=("a",), near_duplicate_distance=0, **parameters):
    parameters = SplitParameters(**parameters)
    images = [image for group in groups for image in group]
    digest = repr(sorted(map(repr, images)))
    run = Run(images=digest, date=date, class_names=class_names, parameters=parameters_digest(parameters))
    return decided(images, previous, run, parameters, near_duplicate_distance)


SINGLES = [_group(f"m{number:02d}") for number in range(20)]
FIRST = _decide(SINGLES)


def _in(split, number=0):
    """An image that the first run has put into a split."""
    return [name for name, of_group in sorted(FIRST.splits.items()) if of_group == split][number]


def _entry(decision, image):
    (entry,) = [entry for entry in decision.ledger.entries if image in entry.images]
    return entry


def _without(*images):
    return [group for group in SINGLES if group[0].group not in images]


def test_the_first_run_enters_every_group():
    assert [entry.group for entry in FIRST.ledger.entries] == [group[0].group for group in SINGLES]
    assert {entry.group: entry.split for entry in FIRST.ledger.entries} == FIRST.splits
    assert changes(FIRST.ledger) is None


def test_the_same_run_again_leaves_the_ledger_alone():
    again = _decide(SINGLES[::-1], FIRST.ledger, date="2031-01-01")
    assert again.ledger is FIRST.ledger
    assert again.splits == FIRST.splits


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_a_new_image_of_smaller_id_finds_the_split_of_its_group(split):
    image = _in(split)
    decision = _decide([*_without(image), _group("a0", image)], FIRST.ledger, date="2024-02-29")
    assert decision.splits["a0"] == split
    entry = _entry(decision, image)
    hashes = sorted([*_entry(FIRST, image).hashes, *_entry(_decide([_group("a0")]), "a0").hashes])
    assert entry == _entry(FIRST, image)._replace(group="a0", images=["a0", image], hashes=hashes, last_run=1)
    assert changes(decision.ledger).new_groups == changes(decision.ledger).vanished_groups == 0


@pytest.mark.parametrize(
    ("parts", "split", "moved_from"),
    [
        (("train", "validation"), "validation", "train"),
        (("test", "train"), "test", "train"),
        (("validation", "test"), "test", "validation"),
        (("train", "test", "validation"), "test", "train"),
    ],
)
def test_groups_that_a_new_image_ties_together_go_to_the_strictest_split(parts, split, moved_from):
    images = [_in(part) for part in parts]
    decision = _decide([*_without(*images), _group("z", *images)], FIRST.ledger, date="2024-02-29")
    assert decision.splits[min(images)] == split
    assert _entry(decision, "z").images == sorted(["z", *images])
    assert changes(decision.ledger).moved == (Move(min(images), moved_from, split),)
    later = _decide([*_without(*images), _group("z", *images), _group("new")], decision.ledger)
    assert _entry(later, "z").moved_run == 1
    assert changes(later.ledger).moved == ()


def test_what_was_tied_once_stays_together_without_the_tie():
    test, train = _in("test"), _in("train")
    tied = _decide([*_without(test, train), _group("z", test, train)], FIRST.ledger)
    apart = _decide(SINGLES, tied.ledger)
    assert apart.splits[test] == apart.splits[train] == "test"
    assert _entry(apart, "z").group == min(test, train)


def test_a_key_that_comes_back_with_other_photographs_finds_its_split():
    for split in ("train", "validation", "test"):
        image = _in(split)
        first = _decide([*_without(image), _group(image, keys=["seaview 2"])], FIRST.ledger)
        decision = _decide([*_without(image), _group("x", "y", keys=["seaview 2"])], first.ledger)
        assert decision.splits["x"] == split
        assert _entry(decision, "x").images == sorted([image, "x", "y"])


def test_new_and_vanished_images_are_counted_in_groups_that_are_known():
    grown = _decide([*SINGLES[2:], _group("m00", "x", "y"), _group("m01", "z")], FIRST.ledger)
    told = changes(grown.ledger)
    assert (told.new_images, told.vanished_images, told.new_groups, told.vanished_groups) == (3, 0, 0, 0)
    shrunk = _decide([*SINGLES[2:], _group("m00", "y"), _group("z")], grown.ledger)
    told = changes(shrunk.ledger)
    assert (told.new_images, told.vanished_images, told.new_groups, told.vanished_groups) == (0, 2, 0, 0)
    back = _decide([*SINGLES[3:], _group("m00", "x"), _group("z"), _group("new")], shrunk.ledger)
    told = changes(back.ledger)
    assert (told.new_images, told.vanished_images) == (1, 2)  # y and m02; not m01, which went a run ago
    assert told.in_words == "1 new image and 2 gone, 1 new group and 1 gone"


def test_a_ledger_without_a_tally_is_continued():
    grown = _decide([*SINGLES[2:], _group("m00", "x")], replace(FIRST.ledger, tally=None))
    assert (changes(grown.ledger).new_images, changes(grown.ledger).vanished_images) == (1, 1)


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_a_picture_that_was_saved_again_finds_its_split(split):
    image = _in(split)
    first = _decide([*_without(image), _group(image, "x", hashes=[7, 2**64 - 1])], FIRST.ledger)
    decision = _decide([*_without(image), _group("saved", "y", hashes=[2**64 - 1, 8])], first.ledger)
    assert decision.splits["saved"] == split
    assert _entry(decision, "saved").hashes == sorted({7, 8, 2**64 - 1, *_entry(FIRST, image).hashes})
    assert changes(decision.ledger).new_groups == 0


@pytest.mark.parametrize(("distance", "new"), [(4, 0), (3, 1), (0, 1)])
def test_a_near_duplicate_of_a_picture_that_has_gone_finds_its_split(distance, new):
    image = _in("test")
    first = _decide([*_without(image), _group(image, hashes=[0b11_0000])], FIRST.ledger)
    again = _group("x", hashes=[0b1111])  # 6 bits away from it, and 4 from what came in between
    between = _decide([*_without(image), _group("w", hashes=[0b11_0011])], first.ledger, near_duplicate_distance=2)
    decision = _decide([*_without(image), again], between.ledger, near_duplicate_distance=distance)
    assert (changes(decision.ledger).new_groups, changes(decision.ledger).vanished_groups) == (new, new)
    assert new or decision.splits["x"] == "test"


def test_images_that_return_after_two_runs_find_their_split():
    gone = [_in("test"), _in("validation"), _in("train")]
    ledger = FIRST.ledger
    for run in range(2):
        ledger = _decide([*_without(*gone), _group(f"new{run}")], ledger).ledger
        assert changes(ledger).vanished_groups == (3 if run == 0 else 1)
    decision = _decide(SINGLES, ledger)
    assert decision.splits == FIRST.splits
    assert _entry(decision, gone[0]).first_seen == "2024-01-31"
    assert (_entry(decision, gone[0]).first_run, _entry(decision, gone[0]).last_run) == (0, 3)


def test_an_image_with_another_label_keeps_its_split_and_its_history():
    image = _in("test")
    decision = _decide(
        [*_without(image), _group(image, label="b")], FIRST.ledger, class_names=("a", "b"), class_changes="allow"
    )
    assert decision.splits[image] == "test"
    assert (_entry(decision, image).labels, _entry(decision, image).last_labels) == (["a", "b"], ["b"])


@pytest.mark.parametrize(("names", "said"), [(("a", "b"), "new ones: b; gone: none"), (("b",), "new ones: b; gone: a")])
def test_new_and_vanished_classes_are_refused_unless_allowed(names, said):
    groups = [_group(group[0].id, label=names[-1]) for group in SINGLES]
    with pytest.raises(InputError, match=rf"2024-01-31.*{said}.*--class-changes allow"):
        _decide(groups, FIRST.ledger, class_names=names)
    decision = _decide(groups, FIRST.ledger, class_names=names, class_changes="allow")
    assert changes(decision.ledger).new_classes == ("b",)
    assert _decide(groups, decision.ledger, class_names=names).ledger is decision.ledger


def test_a_class_name_stays_on_its_line_of_the_message():
    groups = [_group(group[0].id, label="x\nerror: \x1b[31m") for group in SINGLES]
    with pytest.raises(InputError) as error:
        _decide(groups, FIRST.ledger, class_names=("x\nerror: \x1b[31m",))
    assert r"new ones: x\nerror: \x1b[31m; gone: a" in str(error.value)


def test_every_fold_of_a_cut_writes_the_same_ledger_and_tests_on_the_same():
    first = _decide(SINGLES, folds=4, fold=0)
    validated = []
    for fold in range(4):
        decision = _decide(SINGLES, first.ledger, folds=4, fold=fold)
        assert decision.ledger is first.ledger
        assert _decide(SINGLES, folds=4, fold=fold).ledger == first.ledger
        validated += [name for name, split in decision.splits.items() if split == "validation"]
        assert {n for n, s in decision.splits.items() if s == "test"} == {
            n for n, s in FIRST.splits.items() if s == "test"
        }
    assert sorted(validated) == sorted(name for name, split in first.splits.items() if split != "test")


def test_folds_are_kept_when_data_grow_and_test_takes_what_is_tied_to_it():
    first = _decide(SINGLES, folds=3)
    grown = _decide([*SINGLES, *(_group(f"n{number}") for number in range(10))], first.ledger, folds=3, fold=1)
    fold_of = {entry.group: (entry.split, entry.fold) for entry in grown.ledger.entries}
    assert {entry.group: (entry.split, entry.fold) for entry in first.ledger.entries}.items() <= fold_of.items()
    test = next(name for name, (split, _) in fold_of.items() if split == "test")
    train = next(name for name, (split, _) in fold_of.items() if split == "train")
    tied = _decide([*_without(test, train), _group(test, train)], grown.ledger, folds=3, fold=1)
    assert _entry(tied, train)[1:3] == ("test", None)


def test_folds_that_new_images_tie_together_become_the_smallest_and_the_move_is_told():
    first = _decide(SINGLES, folds=4)
    of_fold = {entry.fold: entry.group for entry in first.ledger.entries}
    tied = [*_without(of_fold[0], of_fold[3]), _group(of_fold[0], of_fold[3])]
    group, told = min(of_fold[0], of_fold[3]), {}
    for fold in range(4):
        decision = _decide(tied, first.ledger, folds=4, fold=fold)
        assert decision.splits[group] == ("train" if fold else "validation")
        told[fold] = changes(decision.ledger, fold).moved
    assert told == {
        0: (Move(group, "train", "validation"),),
        1: (),
        2: (),
        3: (Move(group, "validation", "train"),),
    }
    assert changes(decision.ledger).moved == (Move(group, "fold 3", "fold 0"),)
    assert changes(_decide([*tied, _group("new")], decision.ledger, folds=4, fold=3).ledger, 3).moved == ()


@pytest.mark.parametrize(("before", "now"), [(0, 3), (3, 0), (3, 4)])
def test_a_ledger_of_other_folds_is_refused(before, now):
    first = _decide(SINGLES, folds=before)
    with pytest.raises(InputError, match=rf"--folds: expected {before}, .* Received: {now}\."):
        _decide(SINGLES, first.ledger, folds=now)
