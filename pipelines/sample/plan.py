"""The floor plan: a drawing, not a photograph."""

from typing import NamedTuple

from numpy.random import Generator
from PIL import Image, ImageDraw, ImageFont

from pipelines.sample.chance import count, happens, pick
from pipelines.sample.interior import Size
from pipelines.sample.palette import FABRICS, STONES, WHITES, WOODS, jittered, mixed
from pipelines.sample.plan_symbols import draw_door, draw_symbol
from pipelines.sample.solids import Colour

_NAMES = ("Living", "Kitchen", "Bedroom", "Bath", "Hall", "Dining", "Study", "WC", "Storage", "Balcony")
_PAPERS = [(255, 255, 255), (255, 255, 255), (250, 249, 244), (236, 240, 244), (240, 232, 212)]
_INKS = [(20, 20, 22), (50, 50, 56), (40, 60, 110), (90, 70, 50)]

Rect = tuple[float, float, float, float]  # left, top, right, bottom in pixels


class Style(NamedTuple):
    """How one plan is drawn.

    Attributes:
        paper: Colour of the paper.
        ink: Colour of walls and text.
        wall_px: Thickness of outer walls, pixels.
        filled: Whether rooms are tinted.
        furnished: Whether furniture is drawn.
        lettered: Whether rooms have names and areas.
    """

    paper: Colour
    ink: Colour
    wall_px: int
    filled: bool
    furnished: bool
    lettered: bool


def plan(rng: Generator, size: Size) -> Image.Image:
    """Draws a floor plan as an RGB picture of the given size (width, height in pixels)."""
    width, height = size
    style = _draw_style(rng, width)
    image = Image.new("RGB", size, style.paper)
    draw = ImageDraw.Draw(image)
    margin_x, margin_y = width * rng.uniform(0.08, 0.2), height * rng.uniform(0.1, 0.2)
    outline = (margin_x, margin_y, width - margin_x, height - margin_y)
    rooms = _divide(rng, outline, count(rng, 2, 3), min(size) * 0.16)
    if len(rooms) > 3 and happens(rng, 0.4):
        rooms.pop(pick(rng, (0, len(rooms) - 1)))
    for room in rooms:
        _draw_room(draw, rng, style, room)
    for room in rooms:
        _draw_openings(draw, rng, style, room, outline)
    _draw_around(draw, rng, style, outline)
    if happens(rng, 0.4):
        image = image.rotate(rng.normal(0, 1.6), Image.Resampling.BILINEAR, fillcolor=style.paper)
    return image


def _draw_style(rng: Generator, width: int) -> Style:
    return Style(
        paper=jittered(rng, pick(rng, _PAPERS), 4),
        ink=pick(rng, _INKS),
        wall_px=max(3, round(width * rng.uniform(0.007, 0.016))),
        filled=happens(rng, 0.5),
        furnished=happens(rng, 0.75),
        lettered=happens(rng, 0.8),
    )


def _divide(rng: Generator, rect: Rect, cuts: int, least: float) -> list[Rect]:
    """Divides a rectangle into rooms by cutting it, then each part, cuts times."""
    left, top, right, bottom = rect
    along_x = (right - left) > (bottom - top) * rng.uniform(0.7, 1.3)
    length = right - left if along_x else bottom - top
    if cuts == 0 or length < 2 * least:
        return [rect]
    at = length * rng.uniform(0.36, 0.64)
    if along_x:
        parts = [(left, top, left + at, bottom), (left + at, top, right, bottom)]
    else:
        parts = [(left, top, right, top + at), (left, top + at, right, bottom)]
    return [room for part in parts for room in _divide(rng, part, cuts - 1, least)]


def _draw_room(draw: ImageDraw.ImageDraw, rng: Generator, style: Style, room: Rect) -> None:
    floor = style.paper
    if style.filled:
        tint = jittered(rng, pick(rng, [*WHITES, *STONES, *WOODS, *FABRICS]), 14)
        floor = mixed(style.paper, tint, rng.uniform(0.1, 0.6))
    draw.rectangle(room, fill=floor, outline=style.ink, width=style.wall_px)
    name = pick(rng, _NAMES)
    if style.furnished:
        draw_symbol(draw, rng, name, room, mixed(style.ink, floor, 0.3))
    if style.lettered:
        left, top, right, bottom = room
        font = ImageFont.load_default(max(8.0, (right - left) * 0.1))
        area = f"{(right - left) * (bottom - top) / 1400:.1f} sqm"
        middle = ((left + right) / 2, (top + bottom) / 2)
        draw.multiline_text(middle, f"{name}\n{area}", style.ink, font, "mm", align="center")


def _draw_openings(draw: ImageDraw.ImageDraw, rng: Generator, style: Style, room: Rect, outline: Rect) -> None:
    """Draws windows where the room ends the house, a door where it does not."""
    left, top, right, bottom = room
    half = style.wall_px / 2
    for x, outer in ((left, left == outline[0]), (right, right == outline[2])):
        if outer and happens(rng, 0.75):
            y0, y1 = top + (bottom - top) * 0.3, top + (bottom - top) * 0.7
            inside = x + half if outer and x == left else x - half
            draw.rectangle((inside - half, y0, inside + half, y1), fill=style.paper, outline=style.ink)
            draw.line((inside, y0, inside, y1), fill=style.ink)
    for y, outer in ((top, top == outline[1]), (bottom, bottom == outline[3])):
        if outer and happens(rng, 0.75):
            x0, x1 = left + (right - left) * 0.3, left + (right - left) * 0.7
            inside = y + half if y == top else y - half
            draw.rectangle((x0, inside - half, x1, inside + half), fill=style.paper, outline=style.ink)
            draw.line((x0, inside, x1, inside), fill=style.ink)
    draw_door(draw, room, style.ink, style.paper, style.wall_px, at_top=top != outline[1])


def _draw_around(draw: ImageDraw.ImageDraw, rng: Generator, style: Style, outline: Rect) -> None:
    """Draws dimension lines, a title and a north arrow."""
    left, top, right, bottom = outline
    font = ImageFont.load_default(max(9.0, (right - left) * 0.035))
    if happens(rng, 0.7):
        _draw_dimension(draw, style, (left, bottom + 14, right, bottom + 14), f"{rng.uniform(7, 14):.2f} m", font)
        _draw_dimension(draw, style, (left - 14, top, left - 14, bottom), f"{rng.uniform(6, 11):.2f}", font)
    if happens(rng, 0.5):
        draw.text(
            (left, max(2, top - 24)),
            pick(rng, ("Ground floor", "First floor", "Floor plan 1:100", "Flat 12")),
            style.ink,
            font,
        )
    if happens(rng, 0.4):
        x, y, r = right - 4, max(16, top - 20), 11
        draw.ellipse((x - r, y - r, x + r, y + r), outline=style.ink)
        draw.polygon([(x, y - r), (x - 4, y + 6), (x + 4, y + 6)], fill=style.ink)


def _draw_dimension(
    draw: ImageDraw.ImageDraw,
    style: Style,
    line: Rect,
    text: str,
    font: ImageFont.ImageFont | ImageFont.FreeTypeFont,
) -> None:
    x0, y0, x1, y1 = line
    draw.line(line, fill=style.ink)
    for x, y in ((x0, y0), (x1, y1)):
        draw.line((x - 4, y + 4, x + 4, y - 4), fill=style.ink, width=2)
    draw.text(((x0 + x1) / 2, (y0 + y1) / 2), text, style.ink, font, "mm", stroke_width=3, stroke_fill=style.paper)
