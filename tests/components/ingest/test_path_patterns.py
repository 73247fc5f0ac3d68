"""What a path says: its class and its group."""

import pytest

from components._errors import InputError
from components.ingest.source.path_patterns import class_reading, group_reading


@pytest.mark.parametrize(
    ("pattern", "path", "label"),
    [
        ("**/{class}/*", "kitchen/1.jpg", "kitchen"),
        ("**/{class}/*", "2024/berlin/kitchen/1.jpg", "kitchen"),
        ("**/{class}/*", "1.jpg", None),
        ("{class}/**", "kitchen/1.jpg", "kitchen"),
        ("{class}/**", "kitchen/2024/berlin/1.jpg", "kitchen"),
        ("{class}/**", "1.jpg", None),
        ("{class}/*", "2024/kitchen/1.jpg", None),
        ("*/{class}/*/*", "berlin/kitchen/flat 7/1.jpg", "kitchen"),
        ("*/{class}/*/*", "kitchen/flat 7/1.jpg", None),
        ("train/**/{class}/*", "train/kitchen/1.jpg", "kitchen"),
        ("train/**/{class}/*", "train/a/b/kitchen/1.jpg", "kitchen"),
        ("train/**/{class}/*", "test/kitchen/1.jpg", None),
        ("room_{class}/*.jpg", "room_kitchen/1.jpg", "kitchen"),
        ("room_{class}/*.jpg", "room_kitchen/1.png", None),
        ("room_{class}/*.jpg", "room_/1.jpg", None),
        ("**/{class}_*.jpg", "living_room_1.jpg", "living_room"),
        ("{class}/*", "a+b (c)[d]/1\n'\".jpg", "a+b (c)[d]"),
        ("a.b/{class}/*", "axb/kitchen/1.jpg", None),
        ("b\u00e4der/{class}/*", "ba\u0308der/ku\u0308che/1.jpg", "k\u00fcche"),
        ("{class}/*", "\u5ba2\u5385/1.jpg", "\u5ba2\u5385"),
    ],
)
def test_the_class_of_a_path(pattern, path, label):
    assert class_reading(pattern)(path) == label


@pytest.mark.parametrize(
    "pattern", ["", "*/*", "{class}/{class}/*", "/{class}/*", "{class}//*", "{class}/", "a**/{class}/*"]
)
def test_what_is_no_class_pattern(pattern):
    with pytest.raises(InputError, match=r"--class-pattern: expected .* Received"):
        class_reading(pattern)


@pytest.mark.parametrize(
    ("pattern", "group"),
    [
        (r"listing-(\d+)", "17"),
        (r"listing-\d+", "listing-17"),
        (r"(?:house-(\d+)|listing-(\d+))", "17"),
        (r"^([^/]+)/", "listing-17"),
        (r"flat-(\d+)", None),
        (r"flat-(\d+)|kitchen", None),
        (r"x*", None),
        ("", None),
    ],
)
def test_the_group_of_a_path(pattern, group):
    assert group_reading(pattern)("listing-17/kitchen/1.jpg") == group


def test_what_is_no_regular_expression():
    with pytest.raises(InputError, match=r"--group-pattern: expected a regular expression .* Received: 'a\('"):
        group_reading("a(")
