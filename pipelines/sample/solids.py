"""Solids: the small convex meshes that every room and garden is put together from.

Lengths are metres. x points right, y away from the camera, z up. A piece of furniture
is drawn with its back at y = 0 and its front towards negative y, centred on x = 0.
"""

import math
from typing import Literal, NamedTuple

Vec3 = tuple[float, float, float]
Colour = tuple[int, ...]  # RGB or RGBA, each 0..255
Side = Literal["front", "right", "back", "left", "top", "bottom"]


class Mark(NamedTuple):
    """Something painted: a ball (one corner), a line (two) or a polygon (three or more).

    Attributes:
        corners: Indices into the vertices of the solid; a polygon runs
            counter-clockwise as seen from the side it is painted on.
        colour: RGB, or RGBA for something that lets its background through.
        stroke: Radius of a ball or width of a line, metres.
        lit: Whether the light of the scene shades it; lamps and views are not lit.
        facing: Three corners of the side that a line lies on and is hidden with. A
            line without is always seen.
    """

    corners: tuple[int, ...]
    colour: Colour
    stroke: float = 0.0
    lit: bool = True
    facing: tuple[int, ...] = ()


class Solid(NamedTuple):
    """A mesh that is sorted as one: its marks are painted in order, backs left out."""

    vertices: tuple[Vec3, ...]
    marks: tuple[Mark, ...]


class Panel(NamedTuple):
    """A rectangle on a side of a box, in fractions of that side from its lower left."""

    side: Side
    left: float
    bottom: float
    right: float
    top: float
    colour: Colour
    lit: bool = True


class Round(NamedTuple):
    """A disc on a side of a box: centre in fractions of the side, radius in metres."""

    side: Side
    across: float
    up: float
    radius: float
    colour: Colour
    lit: bool = True


class Stripes(NamedTuple):
    """Evenly spaced lines on a side of a box, across it or (upright) from foot to top."""

    side: Side
    number: int
    upright: bool
    colour: Colour
    stroke: float = 0.008


Decal = Panel | Round | Stripes

# Corners of a box are numbered 4 * (x is high) + 2 * (y is high) + (z is high). A side
# lists its lower left corner, then counter-clockwise as seen from outside.
_SIDES: dict[Side, tuple[int, int, int, int]] = {
    "front": (0, 4, 5, 1),
    "right": (4, 6, 7, 5),
    "back": (6, 2, 3, 7),
    "left": (2, 0, 1, 3),
    "top": (1, 5, 7, 3),
    "bottom": (2, 6, 4, 0),
}


def box(low: Vec3, high: Vec3, colour: Colour, *decals: Decal, inset: float = 0.0) -> Solid:
    """Returns a box between two corners, with decals on its sides.

    Args:
        low: The corner with the smallest coordinates.
        high: The corner with the largest coordinates.
        colour: Colour of all sides.
        *decals: What is painted on the sides, in order.
        inset: How far the top draws in on every side, metres: cushions, hoods, roofs.
    """
    (x0, y0, z0), (x1, y1, z1) = low, high
    i = inset
    vertices: list[Vec3] = [
        (x0, y0, z0),
        (x0 + i, y0 + i, z1),
        (x0, y1, z0),
        (x0 + i, y1 - i, z1),
        (x1, y0, z0),
        (x1 - i, y0 + i, z1),
        (x1, y1, z0),
        (x1 - i, y1 - i, z1),
    ]
    marks = [Mark(corners, colour) for corners in _SIDES.values()]
    for decal in decals:
        _add_decal(decal, vertices, marks)
    return Solid(tuple(vertices), tuple(marks))


def drum(
    centre: Vec3,
    radius: float,
    height: float,
    colour: Colour,
    *,
    flare: float = 1.0,
    stretch: float = 1.0,
    sides: int = 12,
    lit: bool = True,
) -> Solid:
    """Returns an upright drum standing on its centre: a post, a lampshade, a basin.

    Args:
        centre: Centre of the foot.
        radius: Radius of the foot, metres.
        height: Height, metres.
        colour: Colour of all faces.
        flare: Radius of the top over the radius of the foot.
        stretch: Radius along y over the radius along x.
        sides: How many flat faces stand for the round one.
        lit: Whether the light of the scene shades it.
    """
    x, y, z = centre
    circle = [(math.cos(a), math.sin(a) * stretch) for a in _angles(sides)]
    foot = [(x + radius * c, y + radius * s, z) for c, s in circle]
    top = [(x + radius * flare * c, y + radius * flare * s, z + height) for c, s in circle]
    marks = [Mark((i, (i + 1) % sides, sides + (i + 1) % sides, sides + i), colour, lit=lit) for i in range(sides)]
    marks.append(Mark(tuple(range(sides, 2 * sides)), colour, lit=lit))
    marks.append(Mark(tuple(range(sides - 1, -1, -1)), colour, lit=lit))
    return Solid((*foot, *top), tuple(marks))


def flat(points: tuple[Vec3, ...], colour: Colour, *, lit: bool = True) -> Solid:
    """Returns one polygon, painted on the side from which it runs counter-clockwise."""
    return Solid(points, (Mark(tuple(range(len(points))), colour, lit=lit),))


def line(start: Vec3, end: Vec3, colour: Colour, stroke: float) -> Solid:
    """Returns a line of the given width in metres."""
    return Solid((start, end), (Mark((0, 1), colour, stroke),))


def balls(places: list[tuple[Vec3, float, Colour]]) -> Solid:
    """Returns a cluster of balls (centre, radius, colour), painted in the given order."""
    vertices = tuple(place for place, _, _ in places)
    return Solid(vertices, tuple(Mark((i,), c, r) for i, (_, r, c) in enumerate(places)))


def placed(solids: list[Solid], turn: int, x: float, y: float, z: float = 0.0) -> list[Solid]:
    """Returns the solids after quarter turns counter-clockwise and a move."""
    c, s = ((1, 0), (0, 1), (-1, 0), (0, -1))[turn % 4]
    return [
        Solid(tuple((c * u - s * v + x, s * u + c * v + y, w + z) for u, v, w in vertices), marks)
        for vertices, marks in solids
    ]


def _angles(number: int) -> list[float]:
    return [2 * math.pi * i / number for i in range(number)]


def _add_decal(decal: Decal, vertices: list[Vec3], marks: list[Mark]) -> None:
    first = len(vertices)
    origin, right, _, above = (vertices[corner] for corner in _SIDES[decal.side])

    def at(u: float, v: float) -> Vec3:
        x, y, z = (o + u * (r - o) + v * (a - o) for o, r, a in zip(origin, right, above, strict=True))
        return (x, y, z)

    match decal:
        case Panel(_, u0, v0, u1, v1, colour, lit):
            vertices += [at(u0, v0), at(u1, v0), at(u1, v1), at(u0, v1)]
            marks.append(Mark((first, first + 1, first + 2, first + 3), colour, lit=lit))
        case Round(_, u, v, radius, colour, lit):
            ru, rv = radius / math.dist(origin, right), radius / math.dist(origin, above)
            vertices += [at(u + ru * math.cos(a), v + rv * math.sin(a)) for a in _angles(14)]
            marks.append(Mark(tuple(range(first, first + 14)), colour, lit=lit))
        case Stripes(side, number, upright, colour, stroke):
            for i in range(number):
                t = (i + 1) / (number + 1)
                vertices += [at(t, 0), at(t, 1)] if upright else [at(0, t), at(1, t)]
                ends = (first + 2 * i, first + 2 * i + 1)
                marks.append(Mark(ends, colour, stroke, facing=_SIDES[side][:3]))
