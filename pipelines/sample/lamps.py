"""Lamps that stand, hang or sit in the ceiling."""

from numpy.random import Generator

from pipelines.sample.chance import count, happens, pick
from pipelines.sample.palette import FABRICS, Palette, jittered
from pipelines.sample.room import Piece
from pipelines.sample.solids import Colour, drum, placed

_GLOWS = [(255, 244, 214), (255, 250, 236), (255, 232, 190)]


def table_lamp(rng: Generator, palette: Palette) -> Piece:
    """Returns a table lamp."""
    stem, shade = rng.uniform(0.12, 0.25), _shade_colour(rng)
    return [
        drum((0, 0, 0), 0.05, stem, palette.metal, flare=0.6),
        drum((0, 0, stem), 0.13, 0.18, shade, flare=0.75, lit=False),
    ]


def floor_lamp(rng: Generator, palette: Palette) -> Piece:
    """Returns a lamp on a tall stem."""
    top = rng.uniform(1.3, 1.6)
    return [
        drum((0, -0.2, 0), 0.14, 0.03, palette.metal),
        drum((0, -0.2, 0.03), 0.015, top, palette.metal, sides=6),
        drum((0, -0.2, top), 0.2, 0.26, _shade_colour(rng), flare=0.8, lit=False),
    ]


def pendant(rng: Generator, palette: Palette, drop: float) -> Piece:
    """Returns a lamp that hangs down from z = 0."""
    r, tall = rng.uniform(0.12, 0.3), rng.uniform(0.12, 0.3)
    shade = pick(rng, (palette.metal, jittered(rng, pick(rng, FABRICS), 20), _shade_colour(rng)))
    return [
        drum((0, 0, -drop + tall), 0.008, drop - tall, (60, 60, 60), sides=4),
        drum((0, 0, -drop), r, tall, shade, flare=rng.uniform(0.3, 1.0)),
        drum((0, 0, -drop - 0.03), r * 0.4, 0.03, pick(rng, _GLOWS), lit=False),
    ]


def ceiling_light(rng: Generator) -> Piece:
    """Returns a flat lamp under the ceiling."""
    return [drum((0, 0, -0.08), rng.uniform(0.14, 0.24), 0.08, pick(rng, _GLOWS), lit=False)]


def spots(rng: Generator, along: float) -> Piece:
    """Returns a row of ceiling spots of the given length along y."""
    number, glow = count(rng, 3, 6), pick(rng, _GLOWS)
    spot = [drum((0, 0, -0.01), 0.06, 0.01, glow, lit=False)]
    return [s for i in range(number) for s in placed(spot, 0, 0, along * (i + 0.5) / number)]


def _shade_colour(rng: Generator) -> Colour:
    glow = pick(rng, _GLOWS)
    return glow if happens(rng, 0.6) else jittered(rng, (214, 204, 188), 14)
