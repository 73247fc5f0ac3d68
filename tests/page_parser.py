"""A page as a test reads it, and names that try to be more than text."""

from html.parser import HTMLParser
from pathlib import Path

VOID = {"meta", "img", "line", "rect", "circle"}  # elements of SVG close themselves

HOSTILE = [
    "<script>alert(1)</script>",
    "\"' onmouseover=alert(1) x='",
    "{{ 7 * 7 }}</style>",
    "\x1b[31mred\x1b]0;title\x07",
    "two\nlines\u202e",
    "e" * 200,
]


class Page(HTMLParser):
    """Collects tags, attributes and text; fails on tags that do not match."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.html = file.read_text(encoding="utf-8")
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.words: list[str] = []
        self.feed(self.html)
        self.close()
        assert self.open == []

    @property
    def text(self) -> str:
        """All text, each gap a single space."""
        return " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.words.append(data)

    def assert_harmless(self) -> None:
        """Fails if a name became markup, or if anything is fetched from elsewhere."""
        assert "script" not in self.tags
        assert not [name for name, _ in self.attributes if name.startswith("on")]
        fetched = [value for name, value in self.attributes if name in ("src", "href", "srcset", "data", "action")]
        assert all(str(source).startswith(("data:image/jpeg;base64,", "#")) for source in fetched)
        assert not any(word in self.html for word in ("url(", "@import", "http:", "https:", "\x1b", "\u202e"))
