"""Floors, walls and ceilings, and what they are finished with."""

from itertools import pairwise

from numpy.random import Generator

from pipelines.sample.chance import happens, pick
from pipelines.sample.palette import STONES, jittered, scaled
from pipelines.sample.room import Room
from pipelines.sample.solids import Colour, Solid, flat, line

# How far the room goes on behind the camera, metres.
_BEHIND_M = 3.0


def build_shell(room: Room, *, tiled_to_m: float = 0.0) -> None:
    """Adds walls, floor and ceiling to an empty room.

    Args:
        room: The room.
        tiled_to_m: Up to which height the walls are tiled, metres.
    """
    rng, palette = room.rng, room.palette
    room.shell += [*_floor(room), _ceiling(room), *_walls(room)]
    if tiled_to_m > 0:
        tile = jittered(rng, pick(rng, [palette.wall, *STONES]), 8)
        room.shell += _wall_tiles(room, min(tiled_to_m, room.height), tile)
    elif happens(rng, 0.12):
        room.shell += _wainscot(room)
    else:
        room.shell += _skirting(room, rng.uniform(0.06, 0.14))


def _floor(room: Room) -> list[Solid]:
    w, d, colour = room.width, room.depth, room.palette.floor
    base = flat(((0, -_BEHIND_M, 0), (w, -_BEHIND_M, 0), (w, d, 0), (0, d, 0)), colour)
    match room.palette.floor_kind:
        case "planks":
            return [base, *_planks(room.rng, w, d, colour)]
        case "tiles":
            return [base, *_floor_tiles(room.rng, w, d, colour)]
        case "carpet":
            return [base]


def _planks(rng: Generator, w: float, d: float, colour: Colour) -> list[Solid]:
    across = happens(rng, 0.5)
    board, length = rng.uniform(0.14, 0.26), (w if across else d)
    start, end = (-1.0, d) if across else (0.0, w)
    planks: list[Solid] = []
    for i in range(int((end - start) / board)):
        a, b = start + i * board, start + (i + 1) * board
        tone = jittered(rng, colour, 12)
        joint = rng.uniform(0, length)
        for low, high in ((0.0 if across else -1.0, joint), (joint, length)):
            corners = ((low, a), (high, a), (high, b), (low, b))
            tone = jittered(rng, tone, 7)
            planks.append(
                flat(tuple((x, y, 0.0) for x, y in corners), tone)
                if across
                else flat(tuple((y, x, 0.0) for x, y in reversed(corners)), tone)
            )
    return planks


def _floor_tiles(rng: Generator, w: float, d: float, colour: Colour) -> list[Solid]:
    size, grout = rng.uniform(0.28, 0.75), scaled(colour, rng.uniform(0.72, 0.9))
    tiles: list[Solid] = []
    if happens(rng, 0.15):
        dark = scaled(colour, 0.6)
        tiles += [
            flat(((x, y, 0), (x + size, y, 0), (x + size, y + size, 0), (x, y + size, 0)), dark)
            for i in range(int(w / size))
            for j in range(int((d + 1) / size))
            if (i + j) % 2
            for x, y in [(i * size, j * size - 1)]
        ]
    tiles += [line((x, -1, 0), (x, d, 0), grout, 0.01) for x in _steps(0, w, size)]
    return tiles + [line((0, y, 0), (w, y, 0), grout, 0.01) for y in _steps(-1, d, size)]


def _walls(room: Room) -> list[Solid]:
    w, d, h, b = room.width, room.depth, room.height, -_BEHIND_M
    back = flat(((0, d, 0), (w, d, 0), (w, d, h), (0, d, h)), room.palette.accent)
    left = flat(((0, b, 0), (0, d, 0), (0, d, h), (0, b, h)), room.palette.wall)
    right = flat(((w, d, 0), (w, b, 0), (w, b, h), (w, d, h)), room.palette.wall)
    return [left, right, back]


def _ceiling(room: Room) -> Solid:
    w, d, h, b = room.width, room.depth, room.height, -_BEHIND_M
    # Ceilings turn away from every light, so they are given their brightness here.
    colour = scaled(room.palette.ceiling, room.rng.uniform(0.82, 0.97))
    return flat(((0, b, h), (0, d, h), (w, d, h), (w, b, h)), colour, lit=False)


def _skirting(room: Room, top: float) -> list[Solid]:
    colour = scaled(room.palette.ceiling, 0.97)
    return _band(room, 0.0, top, colour)


def _wainscot(room: Room) -> list[Solid]:
    w, d = room.width, room.depth
    top, colour = room.rng.uniform(0.85, 1.15), scaled(room.palette.ceiling, 0.98)
    groove = scaled(colour, 0.85)
    grooves = [line((x, d, 0.1), (x, d, top), groove, 0.012) for x in _steps(0, w, 0.3)]
    grooves += [line((w, y, 0.1), (w, y, top), groove, 0.012) for y in _steps(0, d, 0.3)]
    rail = _band(room, top, top + 0.05, scaled(colour, 0.92))
    return [*_band(room, 0.0, top, colour), *grooves, *rail]


def _wall_tiles(room: Room, top: float, colour: Colour) -> list[Solid]:
    w, d, rng = room.width, room.depth, room.rng
    wide, high = pick(rng, ((0.15, 0.15), (0.2, 0.1), (0.3, 0.6), (0.6, 0.3), (0.25, 0.4)))
    grout = scaled(colour, rng.uniform(0.75, 0.93))
    lines: list[Solid] = []
    for z in _steps(0, top, high):
        corners = ((0.0, 0.0, z), (0.0, d, z), (w, d, z), (w, 0.0, z))
        lines += [line(a, b, grout, 0.006) for a, b in pairwise(corners)]
    lines += [line((x, d, 0), (x, d, top), grout, 0.006) for x in _steps(0, w, wide)]
    for y in _steps(0, d, wide):
        lines += [line((x, y, 0), (x, y, top), grout, 0.006) for x in (0.0, w)]
    return [*_band(room, 0.0, top, colour), *lines]


def _band(room: Room, low: float, high: float, colour: Colour) -> list[Solid]:
    """Returns a strip that runs along the three walls between two heights."""
    w, d, b = room.width, room.depth, -_BEHIND_M
    corners = ((0.0, b), (0.0, d), (w, d), (w, b))
    return [flat(((*p, low), (*q, low), (*q, high), (*p, high)), colour) for p, q in pairwise(corners)]


def _steps(start: float, end: float, step: float) -> list[float]:
    return [start + i * step for i in range(1, int((end - start) / step) + 1)]
