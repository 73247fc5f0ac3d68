"""Class folders become classes: renamed, merged, ignored, unknown."""

import pytest

from components._errors import InputError
from components.ingest.parameters import IngestParameters
from components.ingest.source.class_map import map_classes

FILES = {"architecure": 3, "architecture": 10, "kitchen": 5, "_trash": 2, "docs": 0}


def mapped(files=FILES, **parameters):
    return map_classes(files, IngestParameters(**parameters))


def test_without_settings_each_folder_is_a_class():
    classes = mapped()
    assert classes.label_of == {folder: folder for folder in FILES}
    assert (classes.renamed, classes.ignored, classes.unknown, classes.unused) == ([], {}, {}, [])


def test_folders_are_renamed_and_merged():
    classes = mapped(class_map={"architecure": "architecture", "kitchen": "room"})
    assert classes.label_of["architecure"] == classes.label_of["architecture"] == "architecture"
    assert classes.renamed == [("architecure", "architecture", 3), ("kitchen", "room", 5)]


def test_two_classes_can_swap_names():
    classes = mapped({"a": 1, "b": 2}, class_map={"a": "b", "b": "a"})
    assert classes.label_of == {"a": "b", "b": "a"}


def test_ignored_folders_are_matched_as_in_a_shell_and_counted():
    classes = mapped(ignored_folders=["_*", "do[ck]s"])
    assert classes.label_of.keys() == {"architecure", "architecture", "kitchen"}
    assert classes.ignored == {"_trash": 2, "docs": 0}


def test_names_are_compared_in_composed_unicode():
    classes = mapped(
        {"K\u00fcche": 1, "B\u00e4der": 1}, class_map={"Ku\u0308che": "kitchen"}, ignored_folders=["Ba\u0308*"]
    )
    assert classes.label_of == {"K\u00fcche": "kitchen"}
    assert classes.ignored == {"B\u00e4der": 1}


def test_classes_outside_the_names_are_an_error_that_names_them_all():
    with pytest.raises(InputError) as error:
        mapped(class_names=["architecture", "kitchen"], ignored_folders=["_trash"])
    assert "expected no other classes than architecture, kitchen" in str(error.value)
    assert "'architecure': 3 files. Did you mean 'architecture'?" in str(error.value)
    assert "docs" not in str(error.value)  # no image in it, so no class


def test_class_names_are_those_after_the_map():
    classes = mapped({"a": 1, "b": 2}, class_map={"a": "b"}, class_names=["b"])
    assert classes.label_of == {"a": "b", "b": "b"}


def test_a_class_name_stays_on_its_line_of_the_message():
    with pytest.raises(InputError) as error:
        mapped({"a\nb": 1}, class_names=["c\nd"])
    assert r"than c\nd. Found:" in str(error.value)
    assert "\n  'a\\nb': 1 files." in str(error.value)


def test_unknown_classes_become_other():
    classes = mapped(
        {"a": 1, "b": 2, "other": 4, "c": 8}, class_names=["a"], unknown_classes="other", class_map={"c": "d"}
    )
    assert classes.label_of == {"a": "a", "b": "other", "other": "other", "c": "other"}
    assert classes.unknown == {"b": 2, "other": 4, "d": 8}


def test_what_meets_nothing_is_told():
    classes = mapped(
        class_map={"kitchn": "kitchen"},
        ignored_folders=["trash*", "_*"],
        class_names=["architecure", "architecture", "kitchen", "docs", "garage"],
    )
    assert classes.unused == [
        "--ignored-folders: 'trash*' meets nothing. Did you mean '_trash'?",
        "--class-map: 'kitchn' meets nothing. Did you mean 'kitchen'?",
        "--class-names: 'garage' meets nothing.",
    ]


@pytest.mark.parametrize("parameters", [{"class_map": {"kitchen": ""}}, {"class_names": [""]}])
def test_an_empty_name_is_refused(parameters):
    with pytest.raises(InputError, match="received an empty one"):
        mapped(**parameters)
