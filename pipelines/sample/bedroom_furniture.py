"""Beds and what stands in a bedroom."""

from numpy.random import Generator

from pipelines.sample.chance import count, happens, pick
from pipelines.sample.lamps import table_lamp
from pipelines.sample.palette import FABRICS, WHITES, Palette, jittered, mixed, scaled
from pipelines.sample.room import Piece
from pipelines.sample.solids import Decal, Panel, Round, Stripes, box, placed


def bed(rng: Generator, palette: Palette, width: float) -> Piece:
    """Returns a made bed with its headboard at the wall."""
    w, length, top = width / 2, rng.uniform(1.95, 2.15), rng.uniform(0.42, 0.6)
    frame = pick(rng, (palette.wood, palette.fabric, palette.textile))
    sheet = jittered(rng, pick(rng, WHITES), 8)
    cover = jittered(rng, pick(rng, [*WHITES, *FABRICS]), 14)
    fold, foot = -rng.uniform(0.6, 0.95), -length - 0.08
    grooves = (Stripes("front", count(rng, 3, 7), True, scaled(frame, 0.8), 0.015),)
    head = box(
        (-w - 0.05, -0.07, 0.1),
        (w + 0.05, 0, rng.uniform(0.85, 1.35)),
        frame,
        *(grooves if happens(rng, 0.5) else ()),
    )
    pattern = (Stripes("top", count(rng, 4, 9), happens(rng, 0.5), scaled(cover, 0.85), 0.02),)
    piece = [
        head,
        box((-w, foot, 0.08), (w, -0.07, top - 0.2), frame),
        box((-w + 0.02, -length, top - 0.2), (w - 0.02, -0.07, top), sheet, inset=0.02),
        box(
            (-w - 0.03, foot - 0.02, top - rng.uniform(0.05, 0.28)),
            (w + 0.03, fold, top + 0.06),
            cover,
            *(pattern if happens(rng, 0.35) else ()),
            inset=0.04,
        ),
    ]
    if happens(rng, 0.4):
        throw = jittered(rng, pick(rng, FABRICS), 25)
        piece.append(box((-w - 0.05, foot + 0.1, top + 0.02), (w + 0.05, foot + 0.6, top + 0.1), throw, inset=0.03))
    return piece + _pillows(rng, w, top, mixed(sheet, cover, 0.3 if happens(rng, 0.5) else 0.0))


def _pillows(rng: Generator, w: float, top: float, colour: tuple[int, ...]) -> Piece:
    number = 1 if w < 0.6 else 2
    size = 2 * w / number
    piece: Piece = []
    for i in range(number):
        x = -w + i * size
        piece.append(box((x + 0.06, -0.28, top), (x + size - 0.06, -0.08, top + 0.36), colour, inset=0.05))
        piece.append(box((x + 0.1, -0.55, top), (x + size - 0.1, -0.29, top + 0.17), scaled(colour, 0.97), inset=0.06))
    if happens(rng, 0.4):
        accent = jittered(rng, pick(rng, FABRICS), 25)
        piece.append(box((-0.2, -0.58 - 0.14, top), (0.2, -0.57, top + 0.24), accent, inset=0.05))
    return piece


def nightstand(rng: Generator, palette: Palette) -> Piece:
    """Returns a nightstand, mostly with a lamp on it."""
    h = rng.uniform(0.4, 0.6)
    decals = drawers(1, count(rng, 1, 2), palette)
    piece = [box((-0.23, -0.4, 0.02), (0.23, 0, h), palette.wood, *decals)]
    if happens(rng, 0.8):
        piece += placed(table_lamp(rng, palette), 0, 0, -0.2, h)
    return piece


def wardrobe(rng: Generator, palette: Palette) -> Piece:
    """Returns a wardrobe, one door a mirror now and then."""
    doors = count(rng, 2, 4)
    w, h = doors * rng.uniform(0.4, 0.6) / 2, rng.uniform(1.9, 2.35)
    colour = pick(rng, (palette.wood, palette.cabinet))
    decals: list[Decal] = [Stripes("front", doors - 1, True, scaled(colour, 0.6), 0.012)]
    if happens(rng, 0.3):
        decals.append(Panel("front", 0.02, 0.05, 1 / doors - 0.02, 0.97, (188, 204, 212)))
    decals += [Panel("front", i / doors + 0.02, 0.42, i / doors + 0.035, 0.56, palette.metal) for i in range(1, doors)]
    return [box((-w, -0.6, 0), (w, 0, h), colour, *decals)]


def dresser(rng: Generator, palette: Palette) -> Piece:
    """Returns a chest of drawers; a sideboard when it is long."""
    w, h = rng.uniform(0.45, 0.9), rng.uniform(0.7, 0.95)
    decals = drawers(count(rng, 1, 3), count(rng, 2, 4), palette)
    return [box((-w, -0.45, 0.05), (w, 0, h), palette.wood, *decals)]


def drawers(columns: int, rows: int, palette: Palette) -> list[Decal]:
    """Returns drawer fronts with knobs for the front of a box."""
    line = scaled(palette.wood, 0.6)
    decals: list[Decal] = [
        Stripes("front", columns - 1, True, line, 0.012),
        Stripes("front", rows - 1, False, line, 0.012),
    ]
    return decals + [
        Round("front", (i + 0.5) / columns, (j + 0.5) / rows, 0.02, palette.metal)
        for i in range(columns)
        for j in range(rows)
    ]
