"""Colours and materials. All scenes draw from the same ones, so that no colour tells a scene."""

from typing import Literal, NamedTuple

from numpy.random import Generator

from pipelines.sample.chance import happens, pick
from pipelines.sample.solids import Colour

WHITES = [(246, 245, 241), (240, 238, 232), (235, 236, 238), (243, 239, 228)]
WALLS = [
    *WHITES,
    *WHITES,
    (230, 224, 212),
    (224, 226, 224),
    (214, 222, 226),
    (208, 216, 202),
    (226, 210, 192),
    (204, 200, 194),
    (238, 226, 196),
    (176, 188, 196),
    (222, 200, 196),
]
ACCENTS = [
    (70, 92, 110),
    (92, 110, 94),
    (150, 96, 76),
    (64, 66, 72),
    (188, 160, 104),
    (120, 60, 66),
    (148, 160, 172),
    (196, 178, 160),
    (90, 70, 96),
    (40, 74, 84),
]
WOODS = [
    (196, 158, 112),
    (168, 122, 78),
    (128, 86, 54),
    (214, 186, 148),
    (92, 64, 46),
    (226, 208, 180),
    (150, 128, 106),
    (178, 166, 150),
]
STONES = [
    (206, 202, 194),
    (168, 166, 162),
    (118, 118, 120),
    (226, 220, 208),
    (78, 80, 84),
    (190, 176, 158),
    (236, 236, 234),
    (184, 152, 128),
]
FABRICS = [
    (150, 148, 144),
    (92, 96, 104),
    (206, 198, 184),
    (112, 126, 140),
    (164, 134, 108),
    (120, 132, 112),
    (64, 78, 104),
    (176, 92, 76),
    (228, 224, 216),
    (190, 160, 80),
    (134, 100, 128),
    (70, 70, 74),
    (196, 170, 176),
    (62, 104, 104),
]
METALS = [(196, 198, 200), (60, 60, 62), (150, 150, 152), (186, 160, 110)]
LEAVES = [(74, 112, 62), (92, 130, 70), (58, 94, 62), (110, 140, 84), (84, 110, 50)]

FloorKind = Literal["planks", "tiles", "carpet"]


class Palette(NamedTuple):
    """What one home is made of: a colour (RGB, 0..255) for each material."""

    wall: Colour
    accent: Colour
    ceiling: Colour
    floor: Colour
    floor_kind: FloorKind
    wood: Colour
    cabinet: Colour
    worktop: Colour
    fabric: Colour
    textile: Colour
    metal: Colour
    leaf: Colour


def draw_palette(rng: Generator, tiled: float = 0.2) -> Palette:
    """Returns the materials of one home.

    Args:
        rng: Where the choices come from.
        tiled: How likely (0..1) the floor is tiled.
    """
    kind: FloorKind = "tiles" if happens(rng, tiled) else pick(rng, ("planks", "planks", "carpet"))
    floors = {"planks": WOODS, "tiles": STONES, "carpet": [*STONES, *FABRICS[:6]]}
    wall = jittered(rng, pick(rng, WALLS), 8)
    return Palette(
        wall=wall,
        accent=jittered(rng, pick(rng, ACCENTS), 14) if happens(rng, 0.25) else wall,
        ceiling=jittered(rng, pick(rng, WHITES), 5),
        floor=jittered(rng, pick(rng, floors[kind]), 14),
        floor_kind=kind,
        wood=jittered(rng, pick(rng, WOODS), 14),
        cabinet=jittered(rng, pick(rng, [*WHITES, *WHITES, *WOODS, *ACCENTS[:5]]), 10),
        worktop=jittered(rng, pick(rng, [*STONES, *WOODS[:4]]), 10),
        fabric=jittered(rng, pick(rng, FABRICS), 14),
        textile=jittered(rng, pick(rng, [*FABRICS, *ACCENTS]), 14),
        metal=pick(rng, METALS),
        leaf=jittered(rng, pick(rng, LEAVES), 12),
    )


def jittered(rng: Generator, colour: Colour, spread: float) -> Colour:
    """Returns the colour, each channel moved by up to spread, mostly all by the same."""
    together = rng.uniform(-spread, spread)
    return tuple(round(min(max(c + together + rng.uniform(-spread, spread) / 3, 0), 255)) for c in colour)


def scaled(colour: Colour, factor: float) -> Colour:
    """Returns the colour made darker (factor below 1) or lighter, each channel up to 255."""
    return tuple(round(min(c * factor, 255)) for c in colour)


def mixed(a: Colour, b: Colour, share: float) -> Colour:
    """Returns the colour between a (share 0) and b (share 1)."""
    return tuple(round(p + (q - p) * share) for p, q in zip(a, b, strict=True))
