"""The kitchen scene."""

from numpy.random import Generator
from PIL import Image

from pipelines.sample.chance import count, happens, pick
from pipelines.sample.decor import door, picture, plant, rug, window
from pipelines.sample.interior import Size, photograph_room
from pipelines.sample.kitchen_units import (
    UNIT_M,
    Unit,
    counter,
    fridge,
    hood,
    island,
    splashback,
    tall_unit,
    wall_cabinets,
)
from pipelines.sample.lamps import ceiling_light, pendant
from pipelines.sample.palette import draw_palette
from pipelines.sample.room import Room, Wall
from pipelines.sample.seating import dining_set, sofa
from pipelines.sample.surfaces import build_shell

# Where the cabinets on the wall begin, metres.
_CABINETS_M = 1.45


def kitchen(rng: Generator, size: Size) -> Image.Image:
    """Returns an RGB picture of a kitchen, size being (width, height) in pixels."""
    is_open = happens(rng, 0.25)
    width = rng.uniform(4.2, 5.6) if is_open else rng.uniform(2.4, 4.0)
    room = Room(rng, width, rng.uniform(2.8, 4.4), draw_palette(rng, tiled=0.45))
    build_shell(room)
    main: Wall = pick(rng, ("back", "back", "right"))
    _fit_units(room, main)
    if happens(rng, 0.45):
        _fit_units(room, "right" if main == "back" else "back")
    _furnish(room, is_open=is_open)
    return photograph_room(room, size, view_deg=(60, 88))


def _fit_units(room: Room, wall: Wall) -> None:
    """Fits a row of units, what hangs over it, and a fridge or oven beside it."""
    rng, palette = room.rng, room.palette
    length = room.width if wall == "back" else room.depth * 0.78
    number = min(count(rng, 3, 6), int((length - 0.7) / UNIT_M))
    if number < 2:
        return
    half = number * UNIT_M / 2
    span = room.width if wall == "back" else room.depth
    middle = (span - half - 0.7 - rng.uniform(0, max(0.0, length - 2 * half - 0.7))) / span
    hob = count(rng, 0, number - 1) if happens(rng, 0.75) else None
    if room.against(wall, counter(rng, palette, _units(rng, number, hob), hob_at=hob), at=middle):
        room.against(wall, [splashback(rng, palette, 2 * half)], at=middle, z=0.0)
        _hang_over(room, wall, middle, span, number, hob)
    for extra in (fridge(rng, palette), tall_unit(palette)):
        if happens(rng, 0.6):
            room.against(wall, extra, at=middle + (half + 0.34) / span)
            room.against(wall, extra, at=middle - (half + 0.34) / span)


def _units(rng: Generator, number: int, hob: int | None) -> list[Unit]:
    units: list[Unit] = [pick(rng, ("door", "door", "drawers")) for _ in range(number)]
    if happens(rng, 0.15):
        units[count(rng, 0, number - 1)] = "washer"
    if happens(rng, 0.75):
        units[count(rng, 0, number - 1)] = "sink"
    if hob is not None and happens(rng, 0.7):
        units[hob] = "oven"
    return units


def _hang_over(room: Room, wall: Wall, middle: float, span: float, number: int, hob: int | None) -> None:
    """Hangs hood, cabinets, a window or a shelf over a row of units."""
    rng, palette = room.rng, room.palette
    if happens(rng, 0.35):
        pane = window(rng, rng.uniform(0.8, 1.4), rng.uniform(0.8, 1.1), curtains=False)
        room.against(wall, pane, at=middle + rng.uniform(-0.3, 0.3) / span, z=1.1)
    for i in range(number):
        at = middle + (i - (number - 1) / 2) * UNIT_M / span
        if i == hob and happens(rng, 0.8):
            room.against(wall, hood(rng), at=at, z=1.55)
    if happens(rng, 0.75):
        high = rng.uniform(0.55, 0.85)
        for i in range(number):
            at = middle + (i - (number - 1) / 2) * UNIT_M / span
            room.against(wall, wall_cabinets(palette, 1, high), at=at, z=_CABINETS_M)


def _furnish(room: Room, *, is_open: bool) -> None:
    """Adds what else a kitchen may have; an open one shows part of a living room."""
    rng, palette = room.rng, room.palette
    x, y = room.width * rng.uniform(0.35, 0.5), room.depth * rng.uniform(0.42, 0.5)
    if happens(rng, 0.35) and room.width > 3.2:
        piece = island(rng, palette, count(rng, 2, 3), stools=happens(rng, 0.7))
        if room.stand(piece, x, y + 0.5) and happens(rng, 0.6):
            for offset in (-0.4, 0.4):
                room.hang(pendant(rng, palette, rng.uniform(0.6, 0.9)), x + offset, y)
    elif happens(rng, 0.3):
        room.stand(dining_set(rng, palette, length=rng.uniform(0.9, 1.3), dressed=True), x, y)
    if is_open and happens(rng, 0.6):
        room.against("left", sofa(rng, palette, 2))
    if happens(rng, 0.2):
        room.lay(rug(rng, 1.2, 0.7), x, y)
    if happens(rng, 0.4):
        room.against("left", door(rng, palette, state=pick(rng, ("shut", "open", "glass"))))
    if happens(rng, 0.5):
        room.against(pick(rng, ("left", "back")), window(rng, 1.2, 1.1, curtains=happens(rng, 0.4)), z=1.0)
    if happens(rng, 0.2):
        room.against("left", plant(rng, rng.uniform(0.6, 1.4)))
    if happens(rng, 0.2):
        room.against("left", picture(rng), z=1.4)
    if happens(rng, 0.4):
        room.hang(ceiling_light(rng), room.width / 2, room.depth * 0.55)
