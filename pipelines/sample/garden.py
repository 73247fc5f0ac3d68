"""What stands in gardens: trees, hedges, fences, furniture, play things, cars."""

import math

from numpy.random import Generator

from pipelines.sample.chance import count, happens, pick
from pipelines.sample.palette import FABRICS, STONES, WALLS, WOODS, jittered, scaled
from pipelines.sample.room import Piece
from pipelines.sample.seating import chair, round_table, table
from pipelines.sample.solids import (
    Colour,
    Mark,
    Panel,
    Round,
    Solid,
    Stripes,
    Vec3,
    balls,
    box,
    drum,
    placed,
)
from pipelines.sample.weather import Weather

_BARK = (96, 78, 62)


def tree(rng: Generator, weather: Weather, height: float) -> Piece:
    """Returns a tree: bare, a conifer or one with a round crown."""
    if weather.bare:
        return [_bare_tree(rng, height)]
    if happens(rng, 0.3):
        green = jittered(rng, (56, 88, 58), 14)
        return [
            drum(
                (0, 0, height * z),
                height * 0.2 * (1.05 - z),
                height * 0.3,
                scaled(green, 0.85 + z * 0.3),
                flare=0.12,
                sides=9,
            )
            for z in (0.1, 0.3, 0.5, 0.7)
        ]
    trunk = drum((0, 0, 0), height * 0.03, height * 0.5, jittered(rng, _BARK, 12), flare=0.7, sides=7)
    return [trunk, _crown(rng, weather.leaf, height)]


def _crown(rng: Generator, leaf: Colour, height: float) -> Solid:
    r = height * rng.uniform(0.2, 0.32)
    places: list[tuple[Vec3, float, Colour]] = []
    for i in range(42):
        a, b = rng.uniform(0, 2 * math.pi), rng.uniform(-1, 1)
        reach = r * rng.uniform(0.4, 1.0)
        flat_part = math.sqrt(1 - b * b)
        z = height * 0.68 + reach * b
        place = (reach * flat_part * math.cos(a), reach * flat_part * math.sin(a), z)
        shade = scaled(jittered(rng, leaf, 16), 0.72 + 0.35 * (b + 1) / 2 + i * 0.002)
        places.append((place, r * rng.uniform(0.18, 0.42), shade))
    return balls(sorted(places, key=lambda p: p[0][2] - p[0][1]))


def _bare_tree(rng: Generator, height: float) -> Solid:
    trunk = (0.0, 0.0, height * 0.45)
    vertices: list[Vec3] = [(0.0, 0.0, 0.0), trunk]
    marks = [Mark((0, 1), _BARK, height * 0.05)]
    for _ in range(count(rng, 8, 14)):
        a, reach = rng.uniform(0, 2 * math.pi), height * rng.uniform(0.1, 0.3)
        start = (0.0, 0.0, height * rng.uniform(0.3, 0.6))
        tip = (reach * math.cos(a), reach * math.sin(a), height * rng.uniform(0.6, 1.0))
        marks.append(Mark((len(vertices), len(vertices) + 1), jittered(rng, _BARK, 14), height * 0.014))
        vertices += [start, tip]
    return Solid(tuple(vertices), tuple(marks))


def bush(rng: Generator, weather: Weather, radius: float) -> Piece:
    """Returns a bush, with flowers now and then."""
    leaf, flower = jittered(rng, weather.leaf, 14), jittered(rng, pick(rng, FABRICS), 40)
    blooms = happens(rng, 0.25) and not weather.bare
    places: list[tuple[Vec3, float, Colour]] = []
    for i in range(18):
        place = (rng.uniform(-1, 1) * radius, rng.uniform(-0.6, 0.6) * radius, rng.uniform(0.3, 1.1) * radius)
        colour = flower if blooms and i > 11 else jittered(rng, leaf, 22)
        places.append((place, radius * (0.12 if colour == flower else rng.uniform(0.25, 0.45)), colour))
    return [balls(places)]


def hedge(rng: Generator, weather: Weather, length: float, height: float) -> Piece:
    """Returns a trimmed hedge along x."""
    leaf = jittered(rng, scaled(weather.leaf, 0.9), 10)
    half = length / 2
    tufts = [
        ((rng.uniform(-half, half), -0.3, rng.uniform(0.1, height)), rng.uniform(0.06, 0.16), jittered(rng, leaf, 18))
        for _ in range(round(length * 7))
    ]
    return [box((-half, -0.3, 0), (half, 0.3, height), leaf), balls(tufts)]


def fence(rng: Generator, length: float, height: float) -> Piece:
    """Returns a board fence along x."""
    colour = jittered(rng, pick(rng, [*WOODS, (240, 240, 236), (110, 110, 112)]), 12)
    half, gaps = length / 2, max(2, round(length / rng.uniform(0.15, 0.35)))
    upright = happens(rng, 0.65)
    lines = Stripes("front", min(gaps, 60) if upright else 8, upright, scaled(colour, 0.7), 0.02)
    posts = [box((x, -0.1, 0), (x + 0.1, 0, height + 0.1), scaled(colour, 0.9)) for x in (-half, half)]
    return [box((-half, -0.04, 0.05), (half, 0.0, height), colour, lines), *posts]


def garden_set(rng: Generator) -> Piece:
    """Returns a garden table with chairs, a parasol over it now and then."""
    colour = jittered(rng, pick(rng, [*WOODS[:4], (238, 238, 236), (70, 70, 72)]), 10)
    one = chair(rng, colour, colour, 0.9)
    is_round = happens(rng, 0.5)
    top = round_table(0.55, 0.72, colour, colour) if is_round else table(1.5, 0.9, 0.72, colour, colour)
    piece = placed(top, 0, 0, 0.5)
    for turn, x, y in ((0, -0.35, 0.9), (2, 0.35, -0.9), (1, -1.05, 0.0), (3, 1.05, 0.0)):
        if happens(rng, 0.85):
            piece += placed(one, turn, x, y)
    if happens(rng, 0.4):
        cloth = jittered(rng, pick(rng, FABRICS), 25)
        piece += [
            drum((0, 0, 0.72), 0.025, 1.5, (210, 210, 208), sides=5),
            drum((0, 0, 2.1), 1.5, 0.5, cloth, flare=0.05, sides=8),
        ]
    return piece


def lounger(rng: Generator) -> Piece:
    """Returns a sun lounger."""
    cloth = jittered(rng, pick(rng, FABRICS), 20)
    return [
        box((-0.32, -1.9, 0.25), (0.32, -0.7, 0.36), cloth),
        box((-0.32, -0.7, 0.25), (0.32, -0.1, 0.75), cloth, inset=0.1),
        box((-0.3, -1.8, 0), (0.3, -0.2, 0.25), (120, 116, 110)),
    ]


def shed(rng: Generator) -> Piece:
    """Returns a garden shed."""
    colour = jittered(rng, pick(rng, [*WOODS, *STONES]), 12)
    decals = (
        Stripes("front", 9, True, scaled(colour, 0.8), 0.02),
        Panel("front", 0.35, 0, 0.65, 0.85, scaled(colour, 0.7)),
    )
    return [
        box((-1.2, -1.8, 0), (1.2, 0, 2.0), colour, *decals),
        box((-1.35, -1.95, 2.0), (1.35, 0.1, 2.6), (86, 80, 78), inset=0.7),
    ]


def trampoline(rng: Generator) -> Piece:
    """Returns a trampoline."""
    rim = jittered(rng, pick(rng, [(60, 100, 160), (70, 130, 80), (50, 50, 54)]), 12)
    posts = [drum((1.4 * x, 0.9 * y, 0), 0.03, 0.75, (150, 150, 152), sides=5) for x in (-1, 1) for y in (-1, 1)]
    return [
        *posts,
        drum((0, 0, 0.75), 1.6, 0.08, rim, sides=20),
        drum((0, 0, 0.83), 1.35, 0.01, (40, 40, 42), sides=20),
    ]


def grill(rng: Generator) -> Piece:
    """Returns a kettle grill."""
    colour = pick(rng, ((40, 40, 42), (150, 60, 50)))
    return [
        drum((0, -0.3, 0), 0.2, 0.6, (90, 90, 92), flare=0.3, sides=6),
        drum((0, -0.3, 0.6), 0.2, 0.22, colour, flare=1.5),
        drum((0, -0.3, 0.82), 0.3, 0.2, colour, flare=0.3),
    ]


def car(rng: Generator) -> Piece:
    """Returns a parked car, its side to the front."""
    colour = jittered(rng, pick(rng, [*WALLS[:3], (60, 62, 66), (120, 124, 130), (140, 40, 40), (50, 70, 110)]), 10)
    glass = (58, 68, 78)
    wheels = [Round(side, x, 0.0, 0.31, (34, 34, 36)) for side in ("front", "back") for x in (0.2, 0.8)]
    hubs = [Round(side, x, 0.0, 0.17, (170, 170, 172)) for side in ("front", "back") for x in (0.2, 0.8)]
    lamps = [Panel(side, x, 0.5, x + 0.2, 0.75, (236, 226, 200)) for side in ("left", "right") for x in (0.05, 0.75)]
    windows = [Panel(side, 0.08, 0.12, 0.92, 0.86, glass) for side in ("front", "back", "left", "right")]
    return [
        box((-2.1, -1.75, 0.3), (2.1, 0, 0.85), colour, *wheels, *hubs, *lamps, inset=0.04),
        box((-1.3, -1.68, 0.85), (1.45, -0.07, 1.42), colour, *windows, inset=0.28),
    ]
