from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from components.split.assignment import NONE
from components.split.folds import deal_folds
from tests.components.split.rows_by_hand import codes, groups_by_hand

SIZES = st.lists(st.tuples(st.integers(1, 30), st.sampled_from("abc")), min_size=1, max_size=40)


def _groups(sizes):
    return {f"g{number}": (label, size) for number, (size, label) in enumerate(sizes)}


def _deal(sizes, folds, seed=0, previous=None):
    groups = groups_by_hand(sizes)
    dealt = deal_folds(groups, folds, seed, codes(groups, previous or {})).tolist()
    return {name: fold for name, fold in zip(sizes, dealt, strict=True) if fold != NONE}


@settings(derandomize=True)
@given(SIZES, st.integers(2, 6), st.integers(0, 9), st.randoms(use_true_random=False))
def test_what_holds_for_every_deal(sizes, folds, seed, random):
    groups = _groups(sizes)
    dealt = _deal(groups, folds, seed)
    for label in "abc":
        members = {name: size for name, (of_label, size) in groups.items() if of_label == label}
        if len(members) < 2:  # the only group of a class always trains
            assert not members.keys() & dealt.keys()
            continue
        assert all(0 <= dealt[name] < folds for name in members)
        images = Counter(dict.fromkeys(range(folds), 0))
        for name, size in members.items():
            images[dealt[name]] += size
        assert max(images.values()) - min(images.values()) <= max(members.values())
        assert len({dealt[name] for name in members}) == min(folds, len(members))
    shuffled = list(groups)
    random.shuffle(shuffled)
    assert _deal({name: groups[name] for name in shuffled}, folds, seed) == dealt


@settings(derandomize=True)
@given(SIZES, SIZES, st.integers(2, 6))
def test_earlier_folds_are_kept(old, new, folds):
    before = _deal(_groups(old), folds)
    dealt = _deal(_groups([*old, *new]), folds, previous=before)
    assert before.items() <= dealt.items()


def test_small_classes_do_not_pile_up_in_one_fold():
    groups = {f"{label}{number}": (label, 1) for label in "abcdefgh" for number in range(3)}
    assert sorted(Counter(_deal(groups, 4).values()).values()) == [6, 6, 6, 6]
