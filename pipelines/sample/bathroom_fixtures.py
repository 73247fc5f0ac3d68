"""Bathroom fixtures: tub, shower, toilet, basin, towels."""

from numpy.random import Generator

from pipelines.sample.chance import count, happens, pick
from pipelines.sample.palette import FABRICS, WHITES, Palette, jittered, scaled
from pipelines.sample.room import Piece
from pipelines.sample.solids import Colour, Panel, Round, Solid, Stripes, box, drum, placed

_GLASS = (206, 224, 226, 70)


def ceramic(rng: Generator) -> Colour:
    """Returns the white of one bathroom's fixtures."""
    return jittered(rng, pick(rng, [*WHITES, WHITES[2], (226, 220, 206)]), 5)


def tub(rng: Generator, white: Colour, length: float) -> Piece:
    """Returns a built-in tub, its long side at the wall."""
    half, top, wide = length / 2, rng.uniform(0.5, 0.6), rng.uniform(0.7, 0.8)
    apron = white if happens(rng, 0.6) else jittered(rng, pick(rng, FABRICS), 20)
    lines = (Stripes("front", 6, True, scaled(apron, 0.85), 0.008),) if happens(rng, 0.4) else ()
    inner = [
        Panel("top", 0, 0, 1, 1, white),
        Panel("top", 0.06, 0.12, 0.94, 0.88, scaled(white, 0.74)),
        Panel("top", 0.1, 0.3, 0.9, 0.87, scaled(white, 0.84)),
    ]
    tub_box = box((-half, -wide, 0), (half, 0, top), apron, *lines, *inner)
    return [tub_box, *_wall_tap(-half + 0.25, top + 0.12)]


def free_tub(rng: Generator, white: Colour) -> Piece:
    """Returns a free-standing oval tub."""
    r, top = rng.uniform(0.62, 0.7), 0.58
    outer = white if happens(rng, 0.7) else jittered(rng, pick(rng, FABRICS), 20)
    return [
        drum((0, -0.42, 0), r, top, outer, flare=1.2, stretch=0.5, sides=22),
        drum((0, -0.42, top), r * 1.2, 0.02, white, stretch=0.5, sides=22),
        drum((0, -0.42, top + 0.02), r * 1.1, 0.002, scaled(white, 0.76), stretch=0.46, sides=22),
    ]


def shower(rng: Generator, palette: Palette, white: Colour) -> Piece:
    """Returns a shower: tray, glass on three sides, head on a rail."""
    w, d, top = rng.uniform(0.4, 0.6), rng.uniform(0.8, 1.0), rng.uniform(1.9, 2.1)
    metal = palette.metal
    pane = box((-w, -d, 0.1), (w, -d + 0.01, top), _GLASS)
    sides = [box((x, -d, 0.1), (x + 0.01, -0.02, top), _GLASS) for x in (-w, w - 0.01)]
    frame = [box((x, -d - 0.02, 0.1), (x + 0.025, -d, top), metal) for x in (-w, 0, w - 0.025)]
    return [
        box((-w, -d, 0), (w, 0, 0.1), white, Round("top", 0.5, 0.5, 0.05, (120, 120, 122))),
        box((-0.012, -0.06, 1.0), (0.012, -0.035, 2.0), metal),
        box((-0.012, -0.35, 2.0), (0.012, -0.035, 2.03), metal),
        drum((0, -0.35, 1.95), 0.12, 0.05, metal, flare=0.5),
        box((-0.09, -0.07, 1.1), (0.09, -0.03, 1.16), metal),
        *sides,
        pane,
        *frame,
        box((-w, -d - 0.02, top), (w, -d + 0.01, top + 0.03), metal),
    ]


def toilet(rng: Generator, white: Colour) -> Piece:
    """Returns a toilet: one with a cistern, or one hung on the wall."""
    seat = scaled(white, 0.97)
    hung = happens(rng, 0.4)
    back = -0.08 if hung else -0.22
    low = 0.14 if hung else 0.0
    piece = [
        box((-0.13, back - 0.36, low), (0.13, back, 0.36), scaled(white, 0.94)),
        drum((0, back - 0.25, 0.24 if hung else 0.2), 0.14, 0.2, white, flare=1.35, stretch=1.3),
        drum((0, back - 0.25, 0.4), 0.2, 0.03, seat, stretch=1.28, sides=18),
    ]
    if happens(rng, 0.6):  # the lid is up
        piece.append(drum((0, back - 0.25, 0.43), 0.13, 0.002, scaled(white, 0.6), stretch=1.3))
        piece.append(box((-0.19, back - 0.02, 0.42), (0.19, back, 0.84), seat, inset=0.015))
    if hung:
        button = Panel("front", 0.3, 0.78, 0.7, 0.88, (170, 172, 174))
        return [*piece, box((-0.3, -0.075, 0), (0.3, 0, 1.15), scaled(white, 0.96), button)]
    return [*piece, box((-0.2, -0.2, 0.4), (0.2, 0, 0.82), white)]


def basin(rng: Generator, palette: Palette, white: Colour) -> Piece:
    """Returns a basin on a cabinet or on a foot, with its tap."""
    if happens(rng, 0.25):
        return [
            drum((0, -0.22, 0), 0.1, 0.68, white, flare=0.8),
            *_bowl(0, 0.68, white, 0.26),
            *_tap(0, 0.84, palette),
        ]
    double = happens(rng, 0.3)
    half = rng.uniform(0.55, 0.7) if double else rng.uniform(0.32, 0.5)
    low = 0.0 if happens(rng, 0.3) else 0.3
    handles = Stripes("front", count(rng, 1, 2), False, scaled(palette.cabinet, 0.65), 0.014)
    upright = Stripes("front", 1, True, scaled(palette.cabinet, 0.65), 0.01)
    decals = (handles, upright) if happens(rng, 0.5) else (handles,)
    top = pick(rng, (white, palette.worktop, palette.wood))
    piece = [
        box((-half, -0.46, low), (half, 0, 0.8), palette.cabinet, *decals),
        box((-half - 0.02, -0.48, 0.8), (half + 0.02, 0, 0.84), top),
    ]
    for x in (-half / 2, half / 2) if double else (0.0,):
        piece += [*_bowl(x, 0.84, white, 0.2), *_tap(x, 0.84, palette)]
    piece.append(_bottle(rng, half - 0.06))
    return piece


def towel(rng: Generator, palette: Palette) -> Piece:
    """Returns a towel on a rail, its top at z = 0."""
    colour = jittered(rng, pick(rng, FABRICS), 25)
    band = Stripes("front", 2, False, scaled(colour, 0.8), 0.02)
    piece = [box((-0.3, -0.07, -0.02), (0.3, -0.05, 0), palette.metal)]
    for x in (-0.25, 0.02)[: count(rng, 1, 2)]:
        piece.append(box((x, -0.09, -rng.uniform(0.4, 0.7)), (x + 0.24, -0.02, 0.01), colour, band))
    return piece


def towel_radiator(rng: Generator, palette: Palette) -> Piece:
    """Returns a ladder-shaped radiator, its foot at z = 0."""
    metal = pick(rng, (palette.metal, WHITES[0]))
    rungs = [box((-0.25, -0.08, z / 10), (0.25, -0.06, z / 10 + 0.03), metal) for z in range(1, 11)]
    rails = [box((x, -0.08, 0), (x + 0.03, -0.05, 1.15), metal) for x in (-0.28, 0.25)]
    return [*rungs, *rails]


def _bowl(x: float, z: float, white: Colour, radius: float) -> Piece:
    return [
        drum((x, -0.24, z), radius * 0.75, 0.13, white, flare=1.33, stretch=0.85, sides=16),
        drum((x, -0.24, z + 0.13), radius * 0.88, 0.002, scaled(white, 0.76), stretch=0.85, sides=16),
    ]


def _tap(x: float, z: float, palette: Palette) -> Piece:
    return [
        box((x - 0.018, -0.06, z), (x + 0.018, -0.03, z + 0.26), palette.metal),
        box((x - 0.018, -0.2, z + 0.23), (x + 0.018, -0.06, z + 0.26), palette.metal),
    ]


def _wall_tap(x: float, z: float) -> Piece:
    steel = (180, 182, 184)
    return placed(
        [box((-0.1, -0.08, 0), (0.1, 0, 0.05), steel), box((-0.02, -0.2, 0), (0.02, -0.08, 0.03), steel)], 0, x, 0, z
    )


def _bottle(rng: Generator, x: float) -> Solid:
    colour = jittered(rng, pick(rng, FABRICS), 35)
    return drum((x, -0.12, 0.84), 0.035, rng.uniform(0.1, 0.2), colour, flare=0.7, sides=8)
