"""A house from outside: walls, roof, windows, doors, garage."""

from typing import NamedTuple

from numpy.random import Generator

from pipelines.sample.chance import count, happens, pick
from pipelines.sample.palette import STONES, WALLS, WOODS, jittered, scaled
from pipelines.sample.room import Piece
from pipelines.sample.solids import Colour, Decal, Mark, Panel, Solid, Stripes, box
from pipelines.sample.weather import Weather

_BRICKS = [(158, 88, 66), (178, 120, 92), (132, 80, 64), (190, 150, 120)]
_ROOFS = [(120, 66, 52), (84, 84, 88), (62, 60, 62), (146, 92, 66), (104, 98, 92)]
_DAY_PANES = [(86, 100, 114), (122, 142, 158), (62, 72, 82), (158, 178, 192)]
_LIT_PANE = (255, 222, 150)


class House(NamedTuple):
    """What one house is made of.

    Attributes:
        width: Along x, metres.
        storeys: Number of full storeys.
        wall: Colour of the walls.
        roof: Colour of the roof.
        trim: Colour of frames and eaves.
        pane: Colour of the windows.
    """

    width: float
    storeys: int
    wall: Colour
    roof: Colour
    trim: Colour
    pane: Colour

    @property
    def height(self) -> float:
        """Height of the walls, metres."""
        return 2.9 * self.storeys


def draw_house(rng: Generator, weather: Weather) -> House:
    """Returns the make of one house."""
    lit = weather.dusk and happens(rng, 0.7)
    dim = 0.75 if weather.dusk else 1.0
    return House(
        width=rng.uniform(7.0, 14.0),
        storeys=pick(rng, (1, 1, 2)),
        wall=scaled(jittered(rng, pick(rng, [*WALLS, *_BRICKS, *_BRICKS, *WOODS[:3]]), 10), dim),
        roof=scaled(jittered(rng, pick(rng, _ROOFS), 10), dim),
        trim=scaled(jittered(rng, pick(rng, [(244, 244, 240), (244, 244, 240), (64, 64, 68)]), 6), dim),
        pane=jittered(rng, _LIT_PANE if lit else pick(rng, _DAY_PANES), 12),
    )


def walls(rng: Generator, house: House, depth: float, *openings: Piece) -> Piece:
    """Returns the house with its front at y = 0, openings given in the same frame."""
    lines: list[Decal] = []
    if happens(rng, 0.6):
        colour = scaled(house.wall, rng.uniform(0.82, 0.94))
        lines = [Stripes(side, 9 * house.storeys, False, colour, 0.02) for side in ("front", "left", "right")]
    half = house.width / 2
    block = box((-half, 0, 0), (half, depth, house.height), house.wall, *lines)
    return [block, *roof(rng, house, depth), *(solid for piece in openings for solid in piece)]


def roof(rng: Generator, house: House, depth: float) -> Piece:
    """Returns a flat, a gabled or a hipped roof on the walls."""
    half, low, over = house.width / 2, house.height, 0.4
    shape = rng.random()
    if shape < 0.15:
        return [box((-half - 0.2, -0.3, low), (half + 0.2, depth, low + 0.3), house.trim)]
    rise = rng.uniform(1.3, 3.0)
    ridge = half if shape < 0.6 else half - depth * 0.4
    if shape > 0.85:  # the gable faces the camera
        return [_gable_to_front(house, depth, low, rise, over)]
    return [_gable_to_sides(house, depth, low, rise, over, ridge)]


def _gable_to_sides(house: House, depth: float, low: float, rise: float, over: float, ridge: float) -> Solid:
    x, y0, y1 = house.width / 2 + over, -over, depth + over
    ridge = min(ridge + over, x) if ridge > 0 else 0.3
    top, mid = low + rise, depth / 2
    vertices = (
        (-x, y0, low),
        (x, y0, low),
        (x, y1, low),
        (-x, y1, low),
        (-ridge, mid, top),
        (ridge, mid, top),
    )
    end = house.wall if ridge == x else house.roof
    slopes = [Mark((0, 1, 5, 4), house.roof), Mark((2, 3, 4, 5), house.roof)]
    ends = [Mark((1, 2, 5), end), Mark((3, 0, 4), end)]
    eaves = [Mark((3, 2, 1, 0), house.trim), Mark((0, 1), house.trim, 0.18)]
    return Solid(vertices, (*slopes, *ends, *eaves))


def _gable_to_front(house: House, depth: float, low: float, rise: float, over: float) -> Solid:
    x, y0, y1, top = house.width / 2 + over, 0.0, depth, low + rise
    vertices = ((-x, y0, low), (x, y0, low), (x, y1, low), (-x, y1, low), (0.0, y0, top), (0.0, y1, top))
    marks = (
        Mark((1, 2, 5, 4), house.roof),
        Mark((3, 0, 4, 5), house.roof),
        Mark((0, 1, 4), house.wall),
        Mark((3, 2, 1, 0), house.trim),
        Mark((0, 4), house.trim, 0.2),
        Mark((4, 1), house.trim, 0.2),
    )
    return Solid(vertices, marks)


def house_window(rng: Generator, house: House, x: float, z: float) -> Piece:
    """Returns a window in the front of the house, its lower middle at (x, z)."""
    w, h = rng.uniform(0.5, 0.85), rng.uniform(1.0, 1.45)
    decals: list[Decal] = [
        Panel("front", 0.07, 0.06, 0.93, 0.94, house.pane, lit=False),
        Panel("front", 0.07, 0.06, rng.uniform(0.2, 0.7), 0.94, scaled(house.pane, 0.88), lit=False),
        Stripes("front", count(rng, 1, 2), True, house.trim, 0.06),
        Stripes("front", count(rng, 0, 1), False, house.trim, 0.06),
    ]
    return [box((x - w, -0.06, z), (x + w, 0, z + h), house.trim, *decals)]


def front_door(rng: Generator, house: House, x: float) -> Piece:
    """Returns the front door with steps, and a canopy or a porch now and then."""
    leaf = jittered(rng, pick(rng, [*WOODS[:4], (60, 80, 110), (130, 50, 46), (50, 80, 66), (40, 40, 42)]), 10)
    decals = [
        Panel("front", 0.1, 0, 0.9, 0.95, leaf),
        Panel("front", 0.3, 0.55, 0.7, 0.85, house.pane, lit=False),
        Panel("front", 0.78, 0.42, 0.84, 0.5, (200, 200, 196)),
    ]
    stone = jittered(rng, pick(rng, STONES), 8)
    piece = [
        box((x - 0.62, -0.08, 0.3), (x + 0.62, 0, 2.55), house.trim, *decals),
        box((x - 0.9, -0.7, 0.15), (x + 0.9, -0.08, 0.3), stone),
        box((x - 1.0, -1.05, 0), (x + 1.0, -0.08, 0.15), stone),
    ]
    if happens(rng, 0.55):
        piece.append(box((x - 1.1, -1.0, 2.65), (x + 1.1, 0, 2.8), house.trim))
        if happens(rng, 0.5):
            piece += [box((p, -0.98, 0.3), (p + 0.14, -0.84, 2.65), house.trim) for p in (x - 1.0, x + 0.86)]
    return piece


def garage_door(rng: Generator, house: House, x: float) -> Piece:
    """Returns a garage door in the front of the house."""
    colour = pick(rng, (house.trim, jittered(rng, pick(rng, WOODS), 10)))
    w = rng.uniform(1.3, 2.3)
    lines = Stripes("front", count(rng, 3, 6), False, scaled(colour, 0.8), 0.03)
    return [box((x - w, -0.05, 0), (x + w, 0, 2.25), colour, lines)]


def terrace_door(rng: Generator, house: House, x: float) -> Piece:
    """Returns wide glass doors to the garden."""
    w = rng.uniform(1.1, 2.2)
    decals: list[Decal] = [
        Panel("front", 0.03, 0.02, 0.97, 0.96, house.pane, lit=False),
        Panel("front", 0.03, 0.02, 0.97, rng.uniform(0.15, 0.4), scaled(house.pane, 0.85), lit=False),
        Stripes("front", count(rng, 1, 3), True, house.trim, 0.08),
    ]
    return [box((x - w, -0.06, 0.08), (x + w, 0, 2.3), house.trim, *decals)]
