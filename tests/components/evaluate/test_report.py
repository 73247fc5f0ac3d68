"""The page: what it says, what it escapes, and that it needs nothing from elsewhere."""

import re
from html.parser import HTMLParser

import numpy as np
import pytest

from components.evaluate.decision import decide
from components.evaluate.metrics import score
from components.evaluate.parameters import EvaluateParameters
from components.evaluate.report import Mistake, most_frequent_confusions, page, weakest_first
from components.evaluate.scores import Evaluation

VOID = {"meta", "img", "line", "rect"}  # <line/> and <rect/> close themselves
HOSTILE = ["<script>alert(1)</script>", "\"' onmouseover=alert(1) x='", "{{ 7 * 7 }}</style>", "e" * 80]


class Page(HTMLParser):
    """Collects tags, attributes and text; fails on tags that do not match."""

    def __init__(self, html):
        super().__init__()
        self.open, self.tags, self.attributes, self.text = [], [], [], ""
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def evaluation_of(class_names, labels, predicted):
    scores = score(class_names, np.array(labels), np.eye(len(class_names), dtype=np.float32)[predicted])
    return Evaluation(**dict(scores), decision=decide(scores, EvaluateParameters(min_support=2)))


def mistake(true_name="a", predicted_name="b"):
    return Mistake("0" * 64, true_name, predicted_name, 0.984, b"\xff\xd8\xff")


@pytest.fixture(scope="module")
def hostile():
    evaluation = evaluation_of(HOSTILE, [0, 0, 1, 2], [0, 1, 1, 3])
    return page(evaluation, [mistake(HOSTILE[0], HOSTILE[1])])


def test_class_names_are_text_and_nothing_else(hostile):
    parsed = Page(hostile)
    assert "script" not in parsed.tags
    assert not [name for name, _ in parsed.attributes if name.startswith("on")]
    for name in HOSTILE:
        assert name in parsed.text
        assert name in dict.fromkeys(value for key, value in parsed.attributes if key == "title")


def test_page_needs_nothing_from_elsewhere(hostile):
    sources = [value for name, value in Page(hostile).attributes if name in ("src", "href", "srcset", "data", "action")]
    assert sources
    assert all(source.startswith("data:image/jpeg;base64,") for source in sources)
    assert not re.search(r"url\(|@import|https?://", hostile)


def test_verdict_and_reasons_come_first():
    parsed = Page(page(evaluation_of(["a", "b"], [0, 0, 1, 1], [0, 0, 1, 0]), []))
    text = " ".join(parsed.text.split())
    assert "✓ Blessed" in text
    assert text.index("Macro-F1 0.733 reaches the required 0.6.") < text.index("Classes, the weakest first")
    assert "The most confident mistakes" not in text


def test_rejection_shows_the_class_that_failed():
    text = Page(page(evaluation_of(["a", "b"], [0, 0, 1, 1], [0, 0, 0, 0]), [])).text
    assert "✗ Rejected" in text
    assert "Recall is below the required 0.2 for b (0 of 2 images)." in text


def test_undefined_is_a_dash_and_small_classes_are_marked():
    html = page(evaluation_of(["a", "b", "c"], [0, 0, 1], [0, 0, 1]), [])
    assert "too few images to judge" in html
    assert "no test images" in html
    # Of class c everything but the specificity; the interval has an empty cell.
    assert html.count('class="undefined"') == 5
    assert "None" not in Page(html).text.replace("None: every test image is recognized.", "")


def test_mistakes_show_both_classes_and_the_probability():
    text = " ".join(Page(page(evaluation_of(["a", "b"], [0, 1], [0, 0]), [mistake()])).text.split())
    assert "a → b 98 %" in text


def test_matrix_of_very_many_classes_is_left_out():
    names = [f"class {i}" for i in range(61)]
    html = page(evaluation_of(names, range(61), range(61)), [])
    assert "the whole matrix is in the metrics file only" in html


def test_page_depends_on_nothing_but_its_content():
    evaluation = evaluation_of(["a", "b"], [0, 1], [0, 0])
    assert page(evaluation, [mistake()]) == page(evaluation, [mistake()])


def test_weakest_class_comes_first_and_one_without_images_last():
    evaluation = evaluation_of(["full", "none", "half"], [0, 2, 2], [0, 2, 0])
    assert [row.class_name for row in weakest_first(evaluation.per_class)] == ["half", "full", "none"]


def test_most_frequent_confusions():
    evaluation = evaluation_of(["a", "b"], [0, 0, 0, 1], [1, 1, 0, 0])
    first, second = most_frequent_confusions(evaluation, 5)
    assert (first.true_name, first.predicted_name, first.images, first.share) == ("a", "b", 2, pytest.approx(2 / 3))
    assert (second.true_name, second.images) == ("b", 1)
    assert most_frequent_confusions(evaluation, 1) == [first]
