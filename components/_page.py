"""HTML pages that need nothing from elsewhere: one look for all of them."""

from base64 import b64encode
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from components._storage import whole_file
from components._text import counted, percent, ratio, visible


def write_page(file: Path, html: str) -> None:
    """Writes a page, whole or not at all."""
    with whole_file(file) as partial:
        partial.write_text(html, encoding="utf-8")


def render(template: Path, **values: object) -> str:
    """Fills in a template. Every text is escaped: names come from whoever named the folders.

    Args:
        template: May extend `_page.html.j2`, which holds the look that all pages share.
        values: What it shows.

    Returns:
        The page.
    """
    environment = Environment(
        loader=FileSystemLoader([template.parent, Path(__file__).parent]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
    )
    environment.globals |= {"counted": counted, "percent": percent, "ratio": ratio}
    return environment.get_template(template.name).render(**values)


def jpeg_uri(jpeg: bytes) -> str:
    """Returns a picture as the source of an <img>."""
    return f"data:image/jpeg;base64,{b64encode(jpeg).decode()}"


def _shown(value: object) -> object:
    return visible(value) if type(value) is str else value  # Markup, which is a str too, is finished text
