"""Shelves, televisions on their stands, coat racks, stairs."""

from numpy.random import Generator

from pipelines.sample.chance import count, happens, pick
from pipelines.sample.palette import FABRICS, Palette, jittered, scaled
from pipelines.sample.room import Piece
from pipelines.sample.solids import Decal, Panel, Stripes, box


def television(rng: Generator, palette: Palette) -> Piece:
    """Returns a television on a low stand."""
    w, h = rng.uniform(0.8, 1.1), rng.uniform(0.38, 0.52)
    screen = rng.uniform(0.5, 0.72)
    low = h + rng.uniform(0.03, 0.3)
    shine = Panel("front", 0.02, 0.03, rng.uniform(0.3, 0.98), 0.97, (48, 52, 60))
    stand = pick(rng, (palette.wood, palette.cabinet))
    doors: list[Decal] = [Stripes("front", count(rng, 1, 3), True, scaled(stand, 0.6), 0.012)]
    return [
        box((-w, -0.42, 0.08), (w, 0, h), stand, *doors),
        box((-screen, -0.12, low), (screen, -0.06, low + screen * 1.12), (24, 24, 28), shine),
    ]


def bookshelf(rng: Generator, palette: Palette) -> Piece:
    """Returns an open shelf with books and things on it."""
    w, h, rows = rng.uniform(0.4, 0.8), rng.uniform(1.2, 2.1), count(rng, 3, 5)
    decals: list[Decal] = []
    for row in range(rows):
        low, high = (row + 0.06) / rows, (row + 0.94) / rows
        decals.append(Panel("front", 0.04, low, 0.96, high, scaled(palette.wood, 0.55)))
        decals += _books(rng, low, high)
    return [box((-w, -0.32, 0), (w, 0, h), palette.wood, *decals)]


def _books(rng: Generator, low: float, high: float) -> list[Decal]:
    books: list[Decal] = []
    x = 0.06
    while x < 0.88:
        wide = rng.uniform(0.02, 0.07)
        if happens(rng, 0.75):
            top = low + (high - low) * rng.uniform(0.5, 0.95)
            colour = jittered(rng, pick(rng, FABRICS), 35)
            books.append(Panel("front", x, low, x + wide, top, colour))
        x += wide + 0.005
    return books


def coat_rack(rng: Generator, palette: Palette) -> Piece:
    """Returns a board with coats on it, its top at z = 0."""
    w = rng.uniform(0.35, 0.6)
    piece = [box((-w, -0.04, -0.1), (w, 0, 0), palette.wood)]
    for i in range(count(rng, 1, 4)):
        x = -w + 0.1 + i * 0.26
        colour = jittered(rng, pick(rng, FABRICS), 25)
        low = -rng.uniform(0.6, 1.1)
        piece.append(box((x, -0.2, low), (x + 0.24, -0.05, -0.08), colour, inset=0.03))
    return piece


def console(rng: Generator, palette: Palette) -> Piece:
    """Returns a narrow hall table or shoe cabinet."""
    w, h = rng.uniform(0.35, 0.6), rng.uniform(0.7, 0.95)
    if happens(rng, 0.5):
        lines = Stripes("front", 2, False, scaled(palette.cabinet, 0.7), 0.012)
        return [box((-w, -0.26, 0.03), (w, 0, h), palette.cabinet, lines)]
    return [
        box((-w, -0.3, h - 0.05), (w, 0, h), palette.wood),
        box((-w, -0.28, 0), (-w + 0.04, -0.02, h - 0.05), palette.metal),
        box((w - 0.04, -0.28, 0), (w, -0.02, h - 0.05), palette.metal),
    ]


def stairs(rng: Generator, palette: Palette, steps: int) -> Piece:
    """Returns stairs that rise away from the room, with a rail on their left."""
    wide, riser, tread = rng.uniform(0.8, 0.95), 0.18, 0.25
    front = -steps * tread
    face = pick(rng, (palette.wood, palette.ceiling))
    piece = [
        box((0, front + i * tread, 0), (wide, front + (i + 1) * tread, (i + 1) * riser), face) for i in range(steps)
    ]
    for i in range(0, steps, 1):
        y, z = front + i * tread, (i + 1) * riser
        piece.append(box((-0.03, y, 0), (0, y + 0.03, z + 0.9), palette.metal))
    return piece
