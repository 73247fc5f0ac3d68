"""What can be in any room: windows, doors, lamps, plants, pictures, rugs, shelves."""

import math

from numpy.random import Generator

from pipelines.sample.chance import count, happens, pick
from pipelines.sample.palette import (
    FABRICS,
    LEAVES,
    WALLS,
    WHITES,
    WOODS,
    Palette,
    jittered,
    mixed,
    scaled,
)
from pipelines.sample.room import Piece
from pipelines.sample.solids import (
    Colour,
    Decal,
    Mark,
    Panel,
    Round,
    Solid,
    Stripes,
    Vec3,
    balls,
    box,
    drum,
    flat,
)

_VIEWS = [(222, 234, 244), (236, 240, 240), (176, 208, 236), (248, 248, 246), (96, 110, 140)]


def window(rng: Generator, width: float, height: float, *, curtains: bool) -> Piece:
    """Returns a window, its foot at z = 0."""
    w, sky = width / 2, jittered(rng, pick(rng, _VIEWS), 8)
    frame = jittered(rng, pick(rng, [*WHITES, (70, 70, 72)]), 8)
    green = mixed(sky, jittered(rng, pick(rng, LEAVES), 10), rng.uniform(0.2, 0.8))
    land = rng.uniform(0.05, 0.5)
    decals: list[Decal] = [Panel("front", 0.04, 0.04, 0.96, 0.96, sky, lit=False)]
    decals.append(Panel("front", 0.04, 0.04, rng.uniform(0.5, 0.96), land, green, lit=False))
    decals.append(Panel("front", 0.04, 0.04, 0.96, land * 0.6, scaled(green, 0.9), lit=False))
    decals.append(Stripes("front", max(1, round(width / 0.8)), True, frame, 0.06))
    if happens(rng, 0.25):
        blind = scaled(frame, 0.92)
        decals.append(Panel("front", 0.03, rng.uniform(0.4, 0.85), 0.97, 0.97, blind))
    piece = [
        box((-w, -0.06, 0), (w, 0, height), frame, *decals),
        box((-w - 0.06, -0.12, -0.05), (w + 0.06, 0, 0), scaled(frame, 0.95)),
    ]
    return piece + (_curtains(rng, w, height) if curtains else [])


def _curtains(rng: Generator, w: float, height: float) -> Piece:
    colour = jittered(rng, pick(rng, [*FABRICS, *WHITES]), 14)
    folds = Stripes("front", 5, True, scaled(colour, 0.85), 0.025)
    wide = rng.uniform(0.15, 0.4)
    return [
        box((x, -0.17, -0.2), (x + wide, -0.125, height + 0.12), colour, folds)
        for x in (-w - wide * 0.8, w - wide * 0.2)
    ]


def door(rng: Generator, palette: Palette, *, state: str = "shut") -> Piece:
    """Returns a door in its frame; an "open" one shows the room behind, "glass" lets light in."""
    w, h = rng.uniform(0.4, 0.48), 2.05
    frame = jittered(rng, pick(rng, WHITES), 8)
    leaf = pick(rng, (frame, palette.wood, palette.cabinet))
    decals: list[Decal] = [Panel("front", 0.08, 0, 0.92, 0.96, leaf)]
    if state == "open":
        beyond = jittered(rng, pick(rng, WALLS), 10)
        decals.append(Panel("front", 0.08, 0, 0.92, 0.96, scaled(beyond, rng.uniform(0.6, 1)), lit=False))
        decals.append(Panel("front", 0.08, 0, 0.92, 0.12, scaled(palette.floor, 0.8), lit=False))
        decals.append(Panel("front", 0.08, 0, rng.uniform(0.15, 0.3), 0.96, scaled(leaf, 0.85)))
    elif state == "glass":
        decals.append(Panel("front", 0.2, 0.2, 0.8, 0.9, pick(rng, _VIEWS), lit=False))
        decals.append(Stripes("front", count(rng, 0, 3), False, leaf, 0.05))
    else:
        decals += _door_panels(rng, scaled(leaf, 0.9))
        decals.append(Round("front", 0.84, 0.48, 0.035, palette.metal))
    return [box((-w, -0.05, 0), (w, 0, h), frame, *decals)]


def _door_panels(rng: Generator, colour: Colour) -> list[Decal]:
    rows = count(rng, 0, 3)
    return [Panel("front", 0.2, 0.08 + 0.88 * i / rows, 0.8, 0.02 + 0.88 * (i + 1) / rows, colour) for i in range(rows)]


def picture(rng: Generator) -> Piece:
    """Returns a framed picture, its foot at z = 0: shapes in colours of their own."""
    w, h = rng.uniform(0.15, 0.5), rng.uniform(0.3, 0.8)
    frame = jittered(rng, pick(rng, [*WOODS, (40, 40, 42), *WHITES]), 10)
    paper, a, b = (jittered(rng, pick(rng, [*FABRICS, *WHITES]), 30) for _ in range(3))
    x, y = rng.uniform(0.15, 0.5), rng.uniform(0.15, 0.5)
    decals: list[Decal] = [
        Panel("front", 0.08, 0.06, 0.92, 0.94, paper),
        Panel("front", 0.1, 0.08, 0.9, y, a),
        Panel("front", x, y * 0.8, x + 0.3, y + 0.3, b),
        Round("front", 1 - x, 1 - y, w * 0.3, a),
    ]
    return [box((-w, -0.03, 0), (w, 0, h), frame, *decals[: count(rng, 2, 4)])]


def mirror(rng: Generator, palette: Palette, width: float, height: float) -> Piece:
    """Returns a mirror, its foot at z = 0."""
    glass = jittered(rng, (200, 212, 218), 14)
    frame = pick(rng, (palette.metal, palette.wood, glass))
    shine: list[Decal] = [
        Panel("front", 0.04, 0.04, 0.96, 0.96, glass, lit=False),
        Panel("front", 0.04, 0.04, rng.uniform(0.2, 0.5), 0.96, scaled(palette.wall, 0.92), lit=False),
        Panel("front", 0.04, 0.04, 0.96, rng.uniform(0.1, 0.3), scaled(glass, 0.85), lit=False),
    ]
    return [box((-width / 2, -0.03, 0), (width / 2, 0, height), frame, *shine)]


def rug(rng: Generator, width: float, depth: float) -> Piece:
    """Returns a rug to lay on the floor, its middle at the origin."""
    colour = jittered(rng, pick(rng, FABRICS), 20)
    inner = mixed(colour, jittered(rng, pick(rng, FABRICS), 20), rng.uniform(0.1, 0.9))
    layers = [_sheet(width, depth, colour), _sheet(width * 0.88, depth * 0.88, inner)]
    if happens(rng, 0.4):
        layers.append(_sheet(width * 0.5, depth * 0.5, scaled(colour, 1.1)))
    return layers[: count(rng, 1, 3)]


def _sheet(width: float, depth: float, colour: Colour) -> Solid:
    w, d = width / 2, depth / 2
    return flat(((-w, -d, 0), (w, -d, 0), (w, d, 0), (-w, d, 0)), colour)


def plant(rng: Generator, height: float) -> Piece:
    """Returns a pot plant: round leaves, or long ones like a palm's."""
    pot = jittered(rng, pick(rng, [*FABRICS, (180, 100, 70)]), 14)
    leaf = jittered(rng, pick(rng, LEAVES), 16)
    r, y = rng.uniform(0.1, 0.2), -0.25
    top = drum((0, y, 0), r, r * 1.8, pot, flare=1.25)
    if happens(rng, 0.5):
        places = _ball_leaves(rng, leaf, y, r * 1.8, height)
        return [top, balls(places)]
    stems: list[Vec3] = []
    for _ in range(count(rng, 7, 14)):
        angle, reach = rng.uniform(0, 2 * math.pi), rng.uniform(0.08, 0.24)
        tip = (reach * math.cos(angle), y + reach * math.sin(angle), rng.uniform(0.6, 1) * height)
        stems += [(0, y, r * 1.8), tip]
    return [top, _blades(stems, leaf)]


def _blades(ends: list[Vec3], colour: Colour) -> Solid:
    marks = [Mark((i, i + 1), scaled(colour, 0.8 + 0.05 * (i % 10)), 0.045) for i in range(0, len(ends), 2)]
    return Solid(tuple(ends), tuple(marks))


def _ball_leaves(rng: Generator, leaf: Colour, y: float, low: float, high: float) -> list[tuple[Vec3, float, Colour]]:
    return [
        (
            (rng.uniform(-0.2, 0.2), y + rng.uniform(-0.2, 0.2), rng.uniform(low, high)),
            rng.uniform(0.05, 0.11),
            jittered(rng, leaf, 22),
        )
        for _ in range(count(rng, 12, 26))
    ]
