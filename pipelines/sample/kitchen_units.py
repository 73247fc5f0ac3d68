"""Kitchen units: counters with hob, sink and oven, cabinets, hood, fridge, island."""

from typing import Literal

from numpy.random import Generator

from pipelines.sample.chance import count, happens, pick
from pipelines.sample.palette import (
    FABRICS,
    LEAVES,
    METALS,
    STONES,
    WHITES,
    Palette,
    jittered,
    mixed,
    scaled,
)
from pipelines.sample.room import Piece
from pipelines.sample.seating import bar_stool
from pipelines.sample.solids import Colour, Decal, Panel, Round, Solid, Stripes, box, drum, placed

UNIT_M = 0.6
_TOP_M = 0.9

Unit = Literal["door", "drawers", "oven", "sink", "washer"]


def counter(rng: Generator, palette: Palette, units: list[Unit], *, hob_at: int | None) -> Piece:
    """Returns a row of base units under one worktop.

    Args:
        rng: Where the choices come from.
        palette: What it is made of.
        units: What each unit is, from left to right.
        hob_at: Which unit has the hob on it, if any.
    """
    half = len(units) * UNIT_M / 2
    piece: Piece = [box((-half, -0.52, 0), (half, 0, 0.1), scaled(palette.cabinet, 0.45))]
    for i, unit in enumerate(units):
        x = -half + i * UNIT_M
        front = unit_front(unit, palette)
        piece.append(box((x, -0.58, 0.1), (x + UNIT_M, 0, _TOP_M - 0.04), palette.cabinet, *front))
    decals: list[Decal] = []
    for i, unit in enumerate(units):
        middle = (i + 0.5) / len(units)
        if unit == "sink":
            decals += _sink(middle, 0.42 * UNIT_M / (2 * half), palette)
            piece += _tap(-half + (i + 0.5) * UNIT_M, palette)
        if i == hob_at:
            decals += _hob(middle, 0.48 * UNIT_M / (2 * half))
    piece.append(box((-half, -0.62, _TOP_M - 0.04), (half, 0, _TOP_M), palette.worktop, *decals))
    free = [i for i, unit in enumerate(units) if unit != "sink" and i != hob_at]
    return piece + _clutter(rng, palette, [-half + (i + 0.5) * UNIT_M for i in free])


def unit_front(unit: Unit, palette: Palette) -> list[Decal]:
    """Returns what is painted on the front of a base unit."""
    edge, metal = scaled(palette.cabinet, 0.72), palette.metal
    around: list[Decal] = [
        Panel("front", 0, 0, 1, 1, edge),
        Panel("front", 0.02, 0.015, 0.98, 0.985, palette.cabinet),
    ]
    match unit:
        case "oven":
            return [
                *around,
                Panel("front", 0.04, 0.1, 0.96, 0.78, (34, 34, 38)),
                Panel("front", 0.14, 0.2, 0.86, 0.6, (62, 58, 56)),
                Panel("front", 0.1, 0.68, 0.9, 0.72, (206, 206, 208)),
                Panel("front", 0.04, 0.82, 0.96, 0.97, (176, 178, 180)),
            ]
        case "washer":
            white = (236, 237, 238)
            return [
                Panel("front", 0.01, 0, 0.99, 1, white),
                Round("front", 0.5, 0.45, 0.2, (150, 154, 158)),
                Round("front", 0.5, 0.45, 0.15, (58, 64, 72)),
                Panel("front", 0.5, 0.85, 0.92, 0.95, (120, 124, 128)),
            ]
        case "drawers":
            lines = Stripes("front", 2, False, edge, 0.012)
            handles = [Panel("front", 0.3, z, 0.7, z + 0.025, metal) for z in (0.22, 0.56, 0.88)]
            return [*around, lines, *handles]
        case "door" | "sink":
            return [*around, Panel("front", 0.84, 0.6, 0.88, 0.86, metal)]


def wall_cabinets(palette: Palette, doors: int, height: float) -> Piece:
    """Returns a row of wall cabinets, their foot at z = 0."""
    half, edge = doors * UNIT_M / 2, scaled(palette.cabinet, 0.7)
    decals: list[Decal] = [Stripes("front", doors - 1, True, edge, 0.014)]
    for i in range(doors):
        x = (i + (0.86 if i % 2 == 0 else 0.1)) / doors
        decals.append(Panel("front", x, 0.08, x + 0.04 / doors, 0.28, palette.metal))
    return [box((-half, -0.34, 0), (half, 0, height), palette.cabinet, *decals)]


def hood(rng: Generator) -> Piece:
    """Returns an extractor hood with its chimney, its foot at z = 0."""
    steel = pick(rng, METALS[:3])
    if happens(rng, 0.3):
        return [box((-0.3, -0.4, 0), (0.3, 0, 0.12), steel)]
    # The chimney grows out of the slope, so both are drawn with their backs free of the wall.
    return [
        box((-0.3, -0.48, 0), (0.3, -0.02, 0.06), steel),
        box((-0.3, -0.48, 0.06), (0.3, -0.02, 0.26), steel, inset=0.14),
        box((-0.14, -0.34, 0.26), (0.14, -0.04, 0.95), scaled(steel, 0.95)),
    ]


def fridge(rng: Generator, palette: Palette) -> Piece:
    """Returns a fridge, sometimes behind a front like that of the cabinets."""
    colour = pick(rng, (METALS[0], (238, 239, 240), (70, 72, 76), palette.cabinet))
    split = rng.uniform(0.3, 0.68)
    decals: list[Decal] = [
        Panel("front", 0, split, 1, split + 0.012, scaled(colour, 0.5)),
        Panel("front", 0.06, split + 0.05, 0.1, split + 0.25, scaled(colour, 0.7)),
        Panel("front", 0.06, split - 0.25, 0.1, split - 0.05, scaled(colour, 0.7)),
    ]
    return [box((-0.32, -0.66, 0.02), (0.32, 0, rng.uniform(1.7, 2.05)), colour, *decals)]


def tall_unit(palette: Palette) -> Piece:
    """Returns a tall cabinet with an oven at eye level."""
    decals: list[Decal] = [
        Panel("front", 0.04, 0.42, 0.96, 0.68, (36, 36, 40)),
        Panel("front", 0.14, 0.46, 0.86, 0.6, (64, 62, 60)),
        Panel("front", 0.1, 0.63, 0.9, 0.645, (206, 206, 208)),
        Panel("front", 0, 0.4, 1, 0.405, scaled(palette.cabinet, 0.6)),
        Panel("front", 0, 0.7, 1, 0.705, scaled(palette.cabinet, 0.6)),
    ]
    return [box((-0.3, -0.6, 0), (0.3, 0, 2.1), palette.cabinet, *decals)]


def splashback(rng: Generator, palette: Palette, width: float) -> Solid:
    """Returns what covers the wall between counter and cabinets, on the wall at y = 0."""
    colour = jittered(rng, pick(rng, [*WHITES, *STONES, palette.worktop]), 12)
    grout = scaled(colour, rng.uniform(0.78, 0.95))
    lines: list[Decal] = []
    if happens(rng, 0.7):
        lines = [
            Stripes("front", count(rng, 3, 6), False, grout, 0.006),
            Stripes("front", round(width / rng.uniform(0.1, 0.25)), True, grout, 0.006),
        ]
    return box((-width / 2, -0.008, _TOP_M), (width / 2, 0, 1.45), colour, *lines)


def island(rng: Generator, palette: Palette, units: int, *, stools: bool) -> Piece:
    """Returns a free-standing counter, stools on the side of its front."""
    half = units * UNIT_M / 2
    colour = palette.cabinet if happens(rng, 0.6) else palette.wood
    lines = Stripes("front", units - 1, True, scaled(colour, 0.75), 0.012)
    piece = [
        box((-half, -0.75, 0), (half, 0, _TOP_M - 0.05), colour, lines),
        box((-half - 0.05, -1.0, _TOP_M - 0.05), (half + 0.05, 0.03, _TOP_M), palette.worktop),
    ]
    piece += _clutter(rng, palette, [-half + 0.4, half - 0.4])
    if stools:
        for i in range(units - 1):
            piece += placed(bar_stool(rng, palette), 0, -half + (i + 0.8) * UNIT_M, -1.02)
    return piece


def _sink(middle: float, half: float, palette: Palette) -> list[Decal]:
    steel = mixed(palette.metal, (190, 192, 194), 0.6)
    return [
        Panel("top", middle - half, 0.16, middle + half, 0.78, steel),
        Panel("top", middle - half * 0.88, 0.22, middle + half * 0.88, 0.74, scaled(steel, 0.6)),
    ]


def _tap(x: float, palette: Palette) -> Piece:
    z = _TOP_M
    return [
        drum((x, -0.08, z), 0.018, 0.3, palette.metal, sides=6),
        box((x - 0.015, -0.28, z + 0.3), (x + 0.015, -0.06, z + 0.33), palette.metal),
        box((x - 0.015, -0.28, z + 0.22), (x + 0.015, -0.25, z + 0.3), palette.metal),
    ]


def _hob(middle: float, half: float) -> list[Decal]:
    rings: list[Decal] = [
        Round("top", middle + u * half, v, r, (92, 92, 96))
        for u, v, r in ((-0.5, 0.32, 0.09), (0.5, 0.32, 0.07), (-0.5, 0.68, 0.07), (0.5, 0.68, 0.09))
    ]
    return [Panel("top", middle - half, 0.1, middle + half, 0.9, (28, 28, 31)), *rings]


def _clutter(rng: Generator, palette: Palette, places: list[float]) -> Piece:
    piece: Piece = []
    for x in places:
        if happens(rng, 0.55):
            piece.append(_thing(rng, x + rng.uniform(-0.1, 0.1), palette.leaf))
    return piece


def _thing(rng: Generator, x: float, leaf: Colour) -> Solid:
    y, colour = -rng.uniform(0.15, 0.4), jittered(rng, pick(rng, [*FABRICS, *METALS]), 30)
    match count(rng, 0, 3):
        case 0:
            return drum((x, y, _TOP_M), 0.07, 0.2, colour, flare=0.75)
        case 1:
            return box((x - 0.12, y - 0.08, _TOP_M), (x + 0.12, y + 0.08, _TOP_M + 0.19), colour)
        case 2:
            return drum((x, y, _TOP_M), 0.06, 0.07, colour, flare=2.2)
        case _:
            leaf = mixed(leaf, pick(rng, LEAVES), 0.5)
            return box((x - 0.08, y - 0.08, _TOP_M), (x + 0.08, y + 0.08, _TOP_M + 0.25), leaf, inset=0.03)
