"""The parts that all pages share: escaping, text that shows what it hides, and numbers for people."""

import pytest
from jinja2 import UndefinedError

from components._page import jpeg_uri, render, write_page
from components._text import counted, listed, percent, ratio, visible


@pytest.fixture
def rendered(tmp_path):
    """Renders a page with one expression."""

    def render_one(expression, **values) -> str:
        template = tmp_path / "page.html.j2"
        template.write_text(
            '{% extends "_page.html.j2" %}{% block title %}t{% endblock %}'
            "{% macro bold(text) %}<b>{{ text }}</b>\n{% endmacro %}"
            "{% block body %}[{{ " + expression + " }}]{% endblock %}"
        )
        page = render(template, **values)
        return page[page.index("[") + 1 : page.rindex("]")]

    return render_one


def test_text_is_escaped_once(rendered):
    assert rendered("name", name="<b> & 'c'") == "&lt;b&gt; &amp; &#39;c&#39;"


def test_markup_of_the_template_stays_and_the_text_in_it_is_escaped(rendered):
    assert rendered("bold(name)", name="<i>\n</i>") == "<b>&lt;i&gt;\\n&lt;/i&gt;</b>\n"


def test_control_characters_are_shown(rendered):
    assert rendered("name", name="a\x1b[31m\u202eb\0") == r"a\x1b[31m\u202eb\x00"


def test_a_missing_value_is_an_error(rendered):
    with pytest.raises(UndefinedError):
        rendered("nothing")


def test_page_has_the_look_of_all_pages(rendered, tmp_path):
    rendered("1")
    page = render(tmp_path / "page.html.j2")
    assert page.startswith("<!DOCTYPE html>\n")
    assert "prefers-color-scheme: dark" in page
    assert "@media print" in page


def test_page_is_written_as_utf_8(tmp_path):
    write_page(tmp_path / "deep" / "page.html", "Küche 客厅")
    assert (tmp_path / "deep" / "page.html").read_bytes() == "Küche 客厅".encode()


def test_picture_as_a_source():
    assert jpeg_uri(b"\xff\xd8\xff") == "data:image/jpeg;base64,/9j/"


@pytest.mark.parametrize(
    ("text", "shown"), [("Küche 客厅", "Küche 客厅"), ("a\nb\t", r"a\nb\t"), ("\x9b1m", r"\x9b1m"), ("", "")]
)
def test_visible(text, shown):
    assert visible(text) == shown


def test_counted():
    assert counted(1, "class", "classes") == "1 class"
    assert counted(1200, "class", "classes") == "1,200 classes"
    assert counted(0, "image") == "0 images"


def test_listed():
    assert listed(["a", "b"]) == "a, b"
    assert listed("abcdefgh") == "a, b, c, d, e and 3 more"


@pytest.mark.parametrize(
    ("share", "shown"),
    [(0, "0.0 %"), (1e-6, "< 0.1 %"), (0.0005, "0.1 %"), (1 / 3, "33.3 %"), (0.9999, "> 99.9 %"), (1, "100.0 %")],
)
def test_percent(share, shown):
    assert percent(share) == shown


@pytest.mark.parametrize(
    ("value", "shown"), [(1, "1.0"), (9.94, "9.9"), (9.96, "10"), (1234.5, "1,234"), (float("inf"), "∞")]
)
def test_ratio(value, shown):
    assert ratio(value) == shown
