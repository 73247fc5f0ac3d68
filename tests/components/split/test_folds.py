from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from components.split.assignment import Group
from components.split.folds import deal_folds

SIZES = st.lists(st.tuples(st.integers(1, 30), st.sampled_from("abc")), min_size=1, max_size=40)


def _groups(sizes):
    return [Group(f"g{number}", {label: size}) for number, (size, label) in enumerate(sizes)]


@settings(derandomize=True)
@given(SIZES, st.integers(2, 6), st.integers(0, 9), st.randoms(use_true_random=False))
def test_what_holds_for_every_deal(sizes, folds, seed, random):
    groups = _groups(sizes)
    dealt = deal_folds(groups, folds, seed)
    for label in "abc":
        members = [group for group in groups if group.label == label]
        if len(members) < 2:  # the only group of a class always trains
            assert not any(group.id in dealt for group in members)
            continue
        assert all(0 <= dealt[group.id] < folds for group in members)
        images = Counter(dict.fromkeys(range(folds), 0))
        for group in members:
            images[dealt[group.id]] += group.size
        assert max(images.values()) - min(images.values()) <= max(group.size for group in members)
        assert len({dealt[group.id] for group in members}) == min(folds, len(members))
    random.shuffle(groups)
    assert deal_folds(groups, folds, seed) == dealt


@settings(derandomize=True)
@given(SIZES, SIZES, st.integers(2, 6))
def test_earlier_folds_are_kept(old, new, folds):
    before = deal_folds(_groups(old), folds, 0)
    dealt = deal_folds(_groups([*old, *new]), folds, 0, before)
    assert before.items() <= dealt.items()


def test_small_classes_do_not_pile_up_in_one_fold():
    groups = [Group(f"{label}{number}", {label: 1}) for label in "abcdefgh" for number in range(3)]
    assert sorted(Counter(deal_folds(groups, 4, 0).values()).values()) == [6, 6, 6, 6]
