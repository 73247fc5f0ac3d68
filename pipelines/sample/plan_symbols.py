"""The symbols of a floor plan: doors, and furniture as seen from above."""

from numpy.random import Generator
from PIL import ImageDraw

from pipelines.sample.chance import happens
from pipelines.sample.solids import Colour

Rect = tuple[float, float, float, float]


def draw_door(draw: ImageDraw.ImageDraw, room: Rect, ink: Colour, paper: Colour, wall_px: int, *, at_top: bool) -> None:
    """Draws a gap in a wall with the leaf and the arc that it swings through."""
    left, top, right, bottom = room
    leaf = min(right - left, bottom - top) * 0.28
    x, y = left + wall_px * 1.5, top if at_top else bottom
    way = 1 if at_top else -1
    draw.rectangle((x, y - wall_px, x + leaf, y + wall_px), fill=paper)
    draw.line((x, y, x, y + way * leaf), fill=ink, width=2)
    around = (x - leaf, y - leaf, x + leaf, y + leaf)
    draw.arc(around, 0 if at_top else 270, 90 if at_top else 360, fill=ink)


def draw_symbol(draw: ImageDraw.ImageDraw, rng: Generator, name: str, room: Rect, ink: Colour) -> None:
    """Draws the furniture of a room in a corner of it, by the name of the room."""
    left, top, right, bottom = room
    w, h = right - left, bottom - top
    u = min(w, h) * 0.1
    x, y = left + u, (top + u if happens(rng, 0.5) else bottom - u * 4)
    match name:
        case "Bedroom":
            _bed(draw, right - u * 5, y, u, ink)
        case "Bath" | "WC":
            draw.rounded_rectangle((right - u * 6, y, right - u, y + u * 2.4), u, outline=ink)
            draw.ellipse((x, y, x + u * 1.4, y + u * 1.9), outline=ink)
        case "Kitchen":
            draw.rectangle((right - u * 7, top + u * 0.7, right - u * 0.7, top + u * 2.4), outline=ink)
            for i in range(4):
                cx, cy = right - u * (2.2 + i % 2), top + u * (1.1 + 0.7 * (i // 2))
                draw.ellipse((cx, cy, cx + u * 0.5, cy + u * 0.5), outline=ink)
        case "Living":
            draw.rounded_rectangle((right - u * 7, y, right - u, y + u * 2), u * 0.4, outline=ink)
            draw.rectangle((right - u * 6, y + u * 2.5, right - u * 2, y + u * 3.4), outline=ink)
        case "Dining" | "Study":
            draw.rectangle((right - u * 6, y + u, right - u * 2, y + u * 3), outline=ink)
            for i in range(3):
                cx = right - u * (5.8 - 1.4 * i)
                draw.rectangle((cx, y, cx + u * 0.9, y + u * 0.8), outline=ink)
                draw.rectangle((cx, y + u * 3.2, cx + u * 0.9, y + u * 4), outline=ink)


def _bed(draw: ImageDraw.ImageDraw, x: float, y: float, u: float, ink: Colour) -> None:
    draw.rectangle((x, y, x + u * 4, y + u * 3.2), outline=ink)
    draw.rectangle((x + u * 3, y + u * 0.3, x + u * 3.8, y + u * 1.4), outline=ink)
    draw.rectangle((x + u * 3, y + u * 1.8, x + u * 3.8, y + u * 2.9), outline=ink)
    draw.line((x + u * 2.6, y, x + u * 2.6, y + u * 3.2), fill=ink)
