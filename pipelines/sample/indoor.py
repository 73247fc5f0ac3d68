"""The indoor scenes. Each returns an RGB picture of the given size (width, height in pixels)."""

from numpy.random import Generator
from PIL import Image

from pipelines.sample.bathroom_fixtures import (
    basin,
    ceramic,
    free_tub,
    shower,
    toilet,
    towel,
    towel_radiator,
    tub,
)
from pipelines.sample.bedroom_furniture import bed, dresser, nightstand, wardrobe
from pipelines.sample.chance import count, happens, pick
from pipelines.sample.decor import door, mirror, picture, plant, rug, window
from pipelines.sample.interior import Size, photograph_room
from pipelines.sample.lamps import ceiling_light, floor_lamp, pendant, spots
from pipelines.sample.palette import draw_palette
from pipelines.sample.room import Piece, Room, Wall
from pipelines.sample.seating import coffee_table, desk, dining_set, sofa
from pipelines.sample.shelving import bookshelf, coat_rack, console, stairs, television
from pipelines.sample.surfaces import build_shell


def bathroom(rng: Generator, size: Size) -> Image.Image:
    """Draws a bathroom."""
    room = Room(rng, rng.uniform(1.8, 3.4), rng.uniform(2.0, 3.4), draw_palette(rng, tiled=0.7))
    build_shell(room, tiled_to_m=pick(rng, (3.0, 3.0, 2.1, 1.3, 0.0)))
    white = ceramic(rng)
    if happens(rng, 0.35):
        room.against("back", window(rng, rng.uniform(0.5, 1.0), rng.uniform(0.5, 1.1), curtains=False), z=1.25)
    if happens(rng, 0.55):
        length = min(1.7, room.width - 0.05)
        room.against(
            pick(rng, ("back", "left")), free_tub(rng, white) if happens(rng, 0.3) else tub(rng, white, length)
        )
    wall: Wall = pick(rng, ("back", "right"))
    if happens(rng, 0.8):
        at = rng.uniform(0.3, 0.8)
        room.against(wall, basin(rng, room.palette, white), at=at)
        if happens(rng, 0.85):
            glass = mirror(rng, room.palette, rng.uniform(0.5, 1.1), rng.uniform(0.6, 0.95))
            room.against(wall, glass, at=at, z=1.15)
    if happens(rng, 0.7):
        _anywhere(room, toilet(rng, white))
    if happens(rng, 0.55):
        _anywhere(room, shower(rng, room.palette, white))
    if happens(rng, 0.6):
        _anywhere(room, towel(rng, room.palette), z=rng.uniform(1.1, 1.5))
    if happens(rng, 0.35):
        _anywhere(room, towel_radiator(rng, room.palette), z=0.5)
    if happens(rng, 0.4):
        room.lay(rug(rng, 0.8, 0.5), room.width * rng.uniform(0.3, 0.7), room.depth * 0.5)
    _dress(room, plants=0.2, pictures=0.2, windows=0.0, doors=0.15)
    return photograph_room(room, size, view_deg=(62, 90))


def bedroom(rng: Generator, size: Size) -> Image.Image:
    """Draws a bedroom."""
    room = Room(rng, rng.uniform(2.8, 4.6), rng.uniform(3.2, 4.8), draw_palette(rng, tiled=0.08))
    build_shell(room)
    wide = pick(rng, (0.95, 1.45, 1.65, 1.85))
    wall: Wall = pick(rng, ("back", "right"))
    at = rng.uniform(0.35, 0.65) if wide > 1 else rng.uniform(0.2, 0.8)
    if happens(rng, 0.6):
        room.lay(rug(rng, wide + 1.0, 2.0), room.width * rng.uniform(0.4, 0.6), room.depth - 1.6)
    if happens(rng, 0.96):
        room.against(wall, bed(rng, room.palette, wide), at=at)
        for side in (-1, 1):
            if happens(rng, 0.65):
                along = room.width if wall == "back" else room.depth
                beside = at + side * (wide / 2 + 0.32) / along
                room.against(wall, nightstand(rng, room.palette), at=beside)
    if happens(rng, 0.5):
        _anywhere(room, wardrobe(rng, room.palette))
    if happens(rng, 0.3):
        _anywhere(room, dresser(rng, room.palette))
    if happens(rng, 0.15):
        _anywhere(room, television(rng, room.palette))
    if happens(rng, 0.15):
        _anywhere(room, desk(rng, room.palette))
    if happens(rng, 0.12):
        _anywhere(room, sofa(rng, room.palette, 1))
    _dress(room, plants=0.3, pictures=0.6, windows=0.75, doors=0.25)
    return photograph_room(room, size)


def dining_room(rng: Generator, size: Size) -> Image.Image:
    """Draws a dining room."""
    room = Room(rng, rng.uniform(3.0, 4.8), rng.uniform(3.4, 5.0), draw_palette(rng))
    build_shell(room)
    x, y = room.width * rng.uniform(0.45, 0.6), room.depth * rng.uniform(0.5, 0.68)
    length = rng.uniform(1.0, 2.3)
    if happens(rng, 0.45):
        room.lay(rug(rng, length + 1.2, 2.4), x, y)
    table = dining_set(rng, room.palette, length=length, dressed=happens(rng, 0.7))
    room.stand(table, x, y, turn=pick(rng, (0, 1)))
    if happens(rng, 0.8):
        lamp = pendant(rng, room.palette, rng.uniform(0.6, 1.1))
        for offset in (-0.4, 0.4) if happens(rng, 0.3) else (0.0,):
            room.hang(lamp, x + offset, y)
    if happens(rng, 0.5):
        _anywhere(room, dresser(rng, room.palette))
    if happens(rng, 0.2):
        _anywhere(room, bookshelf(rng, room.palette))
    if happens(rng, 0.1):
        _anywhere(room, sofa(rng, room.palette, 2))
    _dress(room, plants=0.45, pictures=0.7, windows=0.8, doors=0.3)
    return photograph_room(room, size)


def hall(rng: Generator, size: Size) -> Image.Image:
    """Draws a hall: a corridor, or an entrance with stairs."""
    wide = happens(rng, 0.3)
    breadth = rng.uniform(2.2, 3.2) if wide else rng.uniform(1.2, 2.0)
    room = Room(rng, breadth, rng.uniform(4.0, 8.5), draw_palette(rng, tiled=0.35))
    build_shell(room)
    state = pick(rng, ("shut", "open", "glass", "shut"))
    room.against("back", door(rng, room.palette, state=state), at=rng.uniform(0.3, 0.7))
    if happens(rng, 0.6):
        room.lay(rug(rng, breadth * 0.5, room.depth * rng.uniform(0.35, 0.7)), breadth / 2, room.depth * 0.5)
    if wide and happens(rng, 0.6):
        room.stand(stairs(rng, room.palette, count(rng, 8, 13)), breadth - 1.0, room.depth - 0.1)
    sides: tuple[Wall, Wall] = ("left", "right")
    for side in sides:
        for _ in range(count(rng, 1, 3)):
            room.against(side, door(rng, room.palette, state=pick(rng, ("shut", "shut", "open"))))
    if happens(rng, 0.5):
        room.against(pick(rng, sides), console(rng, room.palette))
    if happens(rng, 0.4):
        room.against(pick(rng, sides), coat_rack(rng, room.palette), z=1.75)
    if happens(rng, 0.3):
        room.against(pick(rng, sides), mirror(rng, room.palette, 0.5, rng.uniform(0.8, 1.5)), z=0.6)
    if happens(rng, 0.5):
        room.hang(spots(rng, room.depth), breadth / 2, 0.0)
    _dress(room, plants=0.25, pictures=0.6, windows=0.1, doors=0.0)
    return photograph_room(room, size, view_deg=(55, 80))


def living_room(rng: Generator, size: Size) -> Image.Image:
    """Draws a living room."""
    room = Room(rng, rng.uniform(3.6, 6.0), rng.uniform(3.6, 5.8), draw_palette(rng, tiled=0.12))
    build_shell(room)
    middle = room.width * rng.uniform(0.42, 0.6), room.depth * rng.uniform(0.45, 0.62)
    if happens(rng, 0.65):
        room.lay(rug(rng, rng.uniform(1.6, 2.6), rng.uniform(1.3, 2.2)), *middle)
    wall: Wall = pick(rng, ("back", "right", "back"))
    if happens(rng, 0.95):
        seats = count(rng, 2, 4)
        chaise = happens(rng, 0.3)
        room.against(wall, sofa(rng, room.palette, seats, chaise=chaise), at=rng.uniform(0.35, 0.65))
    if happens(rng, 0.7):
        room.stand(coffee_table(rng, room.palette), *middle, turn=count(rng, 0, 1))
    if happens(rng, 0.55):
        _anywhere(room, television(rng, room.palette))
    for _ in range(count(rng, 0, 2)):
        _anywhere(room, sofa(rng, room.palette, 1))
    if happens(rng, 0.3):
        _anywhere(room, bookshelf(rng, room.palette))
    if happens(rng, 0.35):
        _anywhere(room, floor_lamp(rng, room.palette))
    if happens(rng, 0.13):
        dining = dining_set(rng, room.palette, length=1.3, dressed=False)
        room.stand(dining, room.width * 0.75, room.depth * 0.75)
    _dress(room, plants=0.6, pictures=0.65, windows=0.85, doors=0.25)
    return photograph_room(room, size)


def _anywhere(room: Room, piece: Piece, *, z: float = 0.0) -> None:
    """Puts a piece against one of the walls, rather one that the camera looks at."""
    walls: list[Wall] = ["back", "right", "left"]
    first = pick(room.rng, walls[:2])
    if not room.against(first, piece, z=z):
        room.against(pick(room.rng, walls), piece, z=z)


def _dress(room: Room, *, plants: float, pictures: float, windows: float, doors: float) -> None:
    """Adds what any room may have, each with the given probability."""
    rng = room.rng
    if happens(rng, windows):
        tall = happens(rng, 0.3)
        height = rng.uniform(1.8, 2.2) if tall else rng.uniform(0.9, 1.5)
        pane = window(rng, rng.uniform(0.7, 2.2), height, curtains=happens(rng, 0.5))
        _anywhere(room, pane, z=0.25 if tall else rng.uniform(0.7, 1.0))
    if happens(rng, doors):
        _anywhere(room, door(rng, room.palette, state=pick(rng, ("shut", "open", "glass"))))
    if happens(rng, plants):
        _anywhere(room, plant(rng, rng.uniform(0.7, 1.7)))
    if happens(rng, pictures):
        for _ in range(count(rng, 1, 3)):
            _anywhere(room, picture(rng), z=rng.uniform(1.3, 1.6))
    if happens(rng, 0.3):
        room.hang(ceiling_light(rng), room.width / 2, room.depth * 0.55)
