"""Data sets that grow, shrink, change labels, and tie groups together, over several runs on one ledger."""

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from components.split.assignment import SPLITS
from components.split.changes import Move, changes
from components.split.decision import parameters_digest
from components.split.ledger import Run, ledger_bytes, parse_ledger
from components.split.parameters import SplitParameters
from tests.components.split.rows_by_hand import Image, decided

STRICTNESS = {split: rank for rank, split in enumerate(SPLITS)}
# An image: what it looks like, whose it is (None: nobody's), and its class. Equal looks or owners make a group.
IMAGES = st.dictionaries(
    st.integers(0, 60).map("{:02d}".format),
    st.tuples(st.integers(0, 25), st.none() | st.integers(0, 8).map(str), st.sampled_from("ab")),
    min_size=1,
    max_size=40,
)
# Looks are an image's own and stay; owners and classes are what people say, and change.
LOOKS = st.lists(st.integers(0, 30), min_size=61, max_size=61)


def _groups(images, looks):
    """Puts images together that look alike or have the same owner."""
    root = {image: image for image in images}

    def find(image):
        while root[image] != image:
            image = root[image]
        return image

    first = {}
    for image, (_, owner, _) in sorted(images.items()):
        for tie in (("looks", looks[int(image)]), ("owner", owner)):
            if tie != ("owner", None):
                one, other = find(image), find(first.setdefault(tie, image))
                root[max(one, other)] = min(one, other)
    return [
        Image(image, label, find(image), [owner] if owner else [], looks[int(image)])
        for image, (_, owner, label) in sorted(images.items())
    ]


def _run(groups, ledger, number, parameters):
    names = tuple(sorted({image.label for image in groups}))
    run = Run(images=str(number), date="2024-01-01", class_names=names, parameters=parameters_digest(parameters))
    return decided(groups, ledger, run, parameters)


def _split_of_image(decision, groups):
    return {image.id: decision.splits[image.group] for image in groups}


@settings(derandomize=True, max_examples=60, deadline=None)
@given(LOOKS, st.lists(IMAGES, min_size=2, max_size=6), st.randoms(use_true_random=False))
def test_nothing_ever_leaves_test_nor_validation_for_train(looks, runs, random):
    parameters = SplitParameters(class_changes="allow")
    ledger, strictest, of_key, of_looks = None, {}, {}, {}
    for number, images in enumerate(runs):
        groups = _groups(images, looks)
        decision = _run(groups, ledger, number, parameters)
        splits = _split_of_image(decision, groups)
        _check_quotas(groups, decision.splits, parameters, {*strictest, *of_key, *of_looks})
        for image, split in splits.items():
            assert STRICTNESS[split] >= STRICTNESS[strictest.get(image, "train")]
            key = images[image][1]
            assert key is None or STRICTNESS[split] >= STRICTNESS[of_key.get(key, "train")]
            assert STRICTNESS[split] >= STRICTNESS[of_looks.get(looks[int(image)], "train")]
        strictest |= splits
        of_key |= {images[image][1]: split for image, split in splits.items()}
        of_looks |= {looks[int(image)]: split for image, split in splits.items()}
        random.shuffle(groups)
        assert _run(groups, ledger, number, parameters) == decision
        ledger = parse_ledger(ledger_bytes(decision.ledger), "ledger")
        assert ledger == decision.ledger
        again = _run(groups, ledger, number, parameters)
        assert (again.ledger, again.splits) == (ledger, decision.splits)
        _check_no_group_is_divided(ledger, strictest)


def _check_no_group_is_divided(ledger, split_of_image):
    """Every image ever seen is in one entry; those present in the last run have its split."""
    entries = [image for entry in ledger.entries for image in entry.images]
    assert len(entries) == len(set(entries))
    assert set(entries) == set(split_of_image)
    for entry in ledger.entries:
        if entry.last_run == len(ledger.runs) - 1:
            assert entry.split in {split_of_image[image] for image in entry.images}


def _check_quotas(groups, splits, parameters, seen):
    """Every class meets its quotas within one group, as far as its new groups can do that.

    Groups that were in a split before stay there, however many images they have gained or lost since, and whatever
    class they count for by now: a split that they fill beyond its quota gets nothing more, and one that they leave
    below it gets new groups while there are any.
    """
    members = {name: [image for image in groups if image.group == name] for name in splits}
    known = {name for name, images in members.items() if any(seen & _traces(image) for image in images)}
    label_of = {name: _most_frequent([image.label for image in images]) for name, images in members.items()}
    for label in set(label_of.values()):
        sizes = {name: len(images) for name, images in members.items() if label_of[name] == label}
        _check_class(sizes, splits, parameters, known)


def _traces(image):
    """All by which a later run knows an image again."""
    return {image.id, image.hash, *image.keys}


def _most_frequent(labels):
    return min(labels, key=lambda label: (-labels.count(label), label))


def _check_class(sizes, splits, parameters, known):
    quotas = {"test": parameters.test_fraction, "validation": parameters.validation_fraction}
    of_split = {split: [name for name in sizes if splits[name] == split] for split in SPLITS}
    inherited = {split: sum(sizes[name] for name in of_split[split] if name in known) for split in SPLITS}
    new_in_train = [name for name in of_split["train"] if name not in known]
    for split, share in quotas.items():
        held, quota = sum(sizes[name] for name in of_split[split]), share * sum(sizes.values())
        assert held <= max(inherited[split], quota + max(sizes.values()))
        is_used_up = len(new_in_train) <= (not inherited["train"])  # the one that train must have is not to be had
        assert held >= quota - max(sizes.values()) or is_used_up
    new = len(sizes.keys() - known)
    if len(sizes) >= len(SPLITS) and new >= sum(not images for images in inherited.values()):
        assert all(of_split.values())


@settings(derandomize=True, max_examples=100, deadline=None)
@given(
    st.lists(
        st.lists(st.tuples(st.integers(1, 12), st.sampled_from("ab")), min_size=1, max_size=15), min_size=2, max_size=5
    ),
    st.floats(0.01, 0.45),
    st.floats(0.01, 0.3),
)
def test_classes_that_gain_whole_groups_meet_their_quotas_within_one_group(arrivals, validation, test):
    parameters = SplitParameters(validation_fraction=validation, test_fraction=test, class_changes="allow")
    quotas = {"train": 1 - validation - test, "validation": validation, "test": test}
    ledger, images, sizes_of = None, [], {}
    for number, arrived in enumerate(arrivals):
        for index, (size, label) in enumerate(arrived):
            group = f"{number}/{index}"
            images += [Image(f"{group}/{image}", label, group) for image in range(size)]
            sizes_of.setdefault(label, {})[group] = size
        decision = _run(images, ledger, number, parameters)
        ledger = decision.ledger
        assert changes(ledger) is None or changes(ledger).new_images == sum(size for size, _ in arrived)
        for sizes in sizes_of.values():
            held = Counter({decision.splits[group]: 0 for group in sizes})
            for group, size in sizes.items():
                held[decision.splits[group]] += size
            total, largest = sum(sizes.values()), max(sizes.values())
            rare = min(validation, test) * total < largest / 2  # held out all the same, and train pays twice
            for split, share in quotas.items():
                assert abs(held[split] - share * total) / largest <= (2 if rare and split == "train" else 1)
            assert len(held) == 3 or len(sizes) < 3


@settings(derandomize=True, max_examples=60, deadline=None)
@given(LOOKS, st.lists(IMAGES, min_size=2, max_size=4), st.integers(2, 5))
def test_folds_cut_all_that_is_not_test_and_agree_on_it_for_ever(looks, runs, folds):
    ledger, fold_of = None, {}
    for number, images in enumerate(runs):
        groups = _groups(images, looks)
        decisions = [
            _run(groups, ledger, number, SplitParameters(folds=folds, fold=fold, class_changes="allow"))
            for fold in range(folds)
        ]
        assert all(decision.ledger == decisions[0].ledger for decision in decisions)
        for group in groups:
            splits = [decision.splits[group.group] for decision in decisions]
            # Always in test, or in validation for one fold, or, as a class's only group, always in train.
            assert splits.count("test") in (0, folds)
            assert splits.count("validation") <= 1
        before, fold_of = fold_of, {}
        for entry in decisions[0].ledger.entries:
            fold_of |= dict.fromkeys(entry.images, (entry.split, entry.fold))
        for image, (split, fold) in before.items():
            assert split != "test" or fold_of[image][0] == "test"
            if fold is not None and fold_of[image][0] != "test" and fold_of[image][1] is not None:
                _check_move(decisions, image, fold, fold_of[image][1])
        _check_folds_agree_with_the_ledger(decisions, groups)
        for fold, decision in enumerate(decisions):
            parameters = SplitParameters(folds=folds, fold=fold, class_changes="allow")
            assert _run(groups, decision.ledger, number, parameters).splits == decision.splits
        ledger = decisions[0].ledger


def _check_move(decisions, image, before, now):
    """A group stays in its fold, unless it is tied to one of another.

    Then both go to the smaller: the run that validated on the other trains on it from now on, so it is told of it.
    """
    assert now <= before
    if now < before:
        ledger = decisions[before].ledger
        (group,) = [entry.group for entry in ledger.entries if image in entry.images]
        assert Move(group, "validation", "train") in changes(ledger, before).moved
        assert Move(group, "train", "validation") in changes(ledger, now).moved


def _check_folds_agree_with_the_ledger(decisions, groups):
    """What the ledger holds together is in one split, whichever fold validates."""
    for decision in decisions:
        splits = _split_of_image(decision, groups)
        for entry in decision.ledger.entries:
            assert len({splits[image] for image in entry.images if image in splits}) <= 1


def test_a_class_of_one_group_that_loses_its_tie_keeps_training_together():
    others = {f"{number:02d}": (0, None, "b") for number in range(10, 40)}
    tied = {"00": (0, "1", "a"), "01": (0, "1", "a"), "02": (0, None, "a"), **others}
    looks = list(range(61))
    looks[2] = looks[1]  # 01 ties 02, which nobody owns, to 00
    apart = {image: what for image, what in tied.items() if image != "01"}
    parameters = SplitParameters(folds=2)
    before = _run(_groups(tied, looks), None, 0, parameters)
    groups = _groups(apart, looks)
    decision = _run(groups, before.ledger, 1, parameters)
    again = _run(groups, decision.ledger, 1, parameters)
    assert decision.splits["00"] == decision.splits["02"] == "train"
    assert (again.ledger, again.splits) == (decision.ledger, decision.splits)


def test_what_lost_its_tie_is_dealt_one_fold_when_its_class_gets_another_group():
    looks = list(range(61))
    others = {f"{number:02d}": (0, None, "b") for number in range(10, 40)}
    tied = dict.fromkeys(("00", "01"), (0, "1", "a")) | others
    before = _run(_groups(tied, looks), None, 0, SplitParameters(folds=2))
    apart = {"00": (0, None, "a"), "01": (0, None, "a"), "02": (0, None, "a"), **others}
    groups = _groups(apart, looks)
    for fold in (0, 1):
        decision = _run(groups, before.ledger, 1, SplitParameters(folds=2, fold=fold))
        again = _run(groups, decision.ledger, 1, SplitParameters(folds=2, fold=fold))
        assert decision.splits["00"] == decision.splits["01"]
        assert again.splits == decision.splits
