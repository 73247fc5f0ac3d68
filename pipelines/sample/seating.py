"""Chairs, sofas and tables."""

from numpy.random import Generator

from pipelines.sample.chance import count, happens, pick
from pipelines.sample.palette import FABRICS, Palette, jittered, scaled
from pipelines.sample.room import Piece
from pipelines.sample.solids import Colour, Panel, Stripes, box, drum, placed


def chair(rng: Generator, frame: Colour, seat: Colour, back_m: float = 0.92) -> Piece:
    """Returns a chair; the same numbers drawn give the same chair."""
    w, d, leg = 0.22, 0.44, 0.02 if happens(rng, 0.6) else 0.035
    legs = legs_under(w - 0.02, 0.0, -d, 0.44, leg, frame)
    slats = (Stripes("front", 4, True, scaled(frame, 0.6), 0.03),) if happens(rng, 0.4) else ()
    rest_from = 0.46 if happens(rng, 0.5) else 0.62
    return [
        *legs,
        box((-w, -d, 0.44), (w, 0, 0.5), seat, inset=0.01),
        box((-w, -0.05, 0.5), (-w + 0.04, 0, back_m), frame),
        box((w - 0.04, -0.05, 0.5), (w, 0, back_m), frame),
        box((-w + 0.04, -0.05, rest_from), (w - 0.04, -0.01, back_m), seat, *slats),
    ]


def legs_under(half_width: float, y_back: float, y_front: float, top: float, half: float, colour: Colour) -> Piece:
    """Returns four legs at the corners of a rectangle, half being half their thickness."""
    return [
        box((x - half, y - half, 0), (x + half, y + half, top), colour)
        for x in (-half_width + half, half_width - half)
        for y in (y_back - half, y_front + half)
    ]


def table(width: float, depth: float, top_m: float, colour: Colour, frame: Colour) -> Piece:
    """Returns a table with four legs."""
    legs = legs_under(width / 2 - 0.05, -0.05, -depth + 0.05, top_m - 0.04, 0.03, frame)
    return [*legs, box((-width / 2, -depth, top_m - 0.04), (width / 2, 0, top_m), colour)]


def round_table(radius: float, top_m: float, colour: Colour, frame: Colour) -> Piece:
    """Returns a round table on one post."""
    y = -radius
    return [
        drum((0, y, 0), radius * 0.5, 0.04, frame),
        drum((0, y, 0.04), 0.05, top_m - 0.08, frame),
        drum((0, y, top_m - 0.04), radius, 0.04, colour, sides=24),
    ]


def coffee_table(rng: Generator, palette: Palette) -> Piece:
    """Returns a low table, with something on it now and then."""
    top = rng.uniform(0.32, 0.48)
    colour = pick(rng, (palette.wood, palette.worktop, palette.metal, palette.wood))
    if happens(rng, 0.35):
        piece, depth = round_table(rng.uniform(0.35, 0.5), top, colour, palette.metal), 0.8
    else:
        depth = rng.uniform(0.45, 0.7)
        piece = table(rng.uniform(0.8, 1.3), depth, top, colour, palette.metal)
    for _ in range(count(rng, 0, 3)):
        x, y = rng.uniform(-0.25, 0.25), -depth / 2 + rng.uniform(-0.1, 0.1)
        tall = rng.uniform(0.02, 0.2)
        colour = jittered(rng, pick(rng, FABRICS), 20)
        piece.append(box((x - 0.09, y - 0.07, top), (x + 0.09, y + 0.07, top + tall), colour))
    return piece


def sofa(rng: Generator, palette: Palette, seats: int, *, chaise: bool = False) -> Piece:
    """Returns a sofa, or an armchair when it has one seat."""
    colour, arm = palette.fabric, rng.uniform(0.1, 0.24)
    seat_w, seat_z, depth = rng.uniform(0.6, 0.75), rng.uniform(0.36, 0.44), 0.9
    half = seats * seat_w / 2
    back_z, arm_z = rng.uniform(0.72, 0.95), rng.uniform(0.5, 0.68)
    dark = scaled(colour, 0.9)
    piece = [
        box((-half - arm, -0.2, 0.06), (half + arm, 0, back_z), dark, inset=0.02),
        box((-half, -depth, 0.06), (half, -0.2, seat_z - 0.14), dark),
        box((-half - arm, -depth, 0.06), (-half, -0.2, arm_z), colour, inset=0.015),
        box((half, -depth, 0.06), (half + arm, -0.2, arm_z), colour, inset=0.015),
    ]
    for i in range(seats):
        x = -half + i * seat_w
        front = -1.55 if chaise and i == seats - 1 else -depth - 0.02
        piece += [
            box((x, front, seat_z - 0.14), (x + seat_w, -0.36, seat_z), colour, inset=0.02),
            box((x, -0.36, seat_z - 0.14), (x + seat_w, -0.2, back_z + 0.04), colour, inset=0.03),
        ]
    if chaise:
        x = half - seat_w
        piece.append(box((x, -1.55, 0.06), (half, -depth, seat_z - 0.14), dark))
    return piece + _throw_pillows(rng, half, seat_z, count(rng, 0, seats + 1))


def _throw_pillows(rng: Generator, half: float, z: float, number: int) -> Piece:
    piece, x = [], -half + 0.02
    for _ in range(number):
        size = rng.uniform(0.34, 0.46)
        x += rng.uniform(0, 0.25)
        if x + size > half:
            break
        colour = jittered(rng, pick(rng, FABRICS), 25)
        pattern = (Stripes("front", 3, happens(rng, 0.5), scaled(colour, 0.7), 0.02),)
        decals = pattern if happens(rng, 0.3) else ()
        piece.append(box((x, -0.5, z), (x + size, -0.37, z + size * 0.85), colour, *decals, inset=0.04))
        x += size
    return piece


def dining_set(rng: Generator, palette: Palette, *, length: float, dressed: bool) -> Piece:
    """Returns a dining table with chairs round it, its middle at y = 0.

    Args:
        rng: Where the choices come from.
        palette: What it is made of.
        length: Length of the table along x, metres.
        dressed: Whether something stands on the table.
    """
    top = palette.wood if happens(rng, 0.7) else palette.worktop
    frame = pick(rng, (palette.metal, palette.wood, top))
    seat = pick(rng, (palette.fabric, palette.wood, palette.textile))
    back = rng.uniform(0.8, 1.02)
    one_chair = chair(rng, frame, seat, back)
    is_round = length < 1.35 and happens(rng, 0.6)
    depth = length if is_round else rng.uniform(0.8, 1.0)
    plain = round_table(length / 2, 0.75, top, frame) if is_round else table(length, depth, 0.75, top, frame)
    piece = placed(plain, 0, 0, depth / 2)
    out = depth / 2 + rng.uniform(0.12, 0.4)
    for x in _seats_along(length):
        piece += [*placed(one_chair, 0, x, out), *placed(one_chair, 2, x, -out)]
    if is_round or happens(rng, 0.5):
        end = length / 2 + rng.uniform(0.12, 0.35)
        piece += [*placed(one_chair, 1, -end, 0), *placed(one_chair, 3, end, 0)]
    return piece + (_table_ware(rng, palette, length) if dressed else [])


def _seats_along(length: float) -> list[float]:
    number = max(1, int((length - 0.2) / 0.62))
    return [(i - (number - 1) / 2) * 0.62 for i in range(number)]


def _table_ware(rng: Generator, palette: Palette, length: float) -> Piece:
    z, cloth = 0.75, jittered(rng, (238, 236, 230), 10)
    piece: Piece = []
    if happens(rng, 0.5):
        for x in _seats_along(length):
            piece += [drum((x, y, z), 0.12, 0.015, cloth) for y in (-0.25, 0.25)]
    vase = jittered(rng, pick(rng, FABRICS), 25)
    piece.append(drum((0, 0, z), 0.07, rng.uniform(0.08, 0.25), vase, flare=rng.uniform(0.6, 1.8)))
    if happens(rng, 0.4):
        piece.append(box((-0.4, -0.09, z), (-0.16, 0.09, z + 0.12), palette.leaf, inset=0.04))
    return piece


def bar_stool(rng: Generator, palette: Palette) -> Piece:
    """Returns a high stool."""
    seat = pick(rng, (palette.wood, palette.fabric))
    legs = legs_under(0.17, 0.0, -0.34, 0.66, 0.015, palette.metal)
    return [*legs, box((-0.19, -0.36, 0.66), (0.19, 0.02, 0.72), seat)]


def desk(rng: Generator, palette: Palette) -> Piece:
    """Returns a desk with a screen and a chair before it."""
    screen = box(
        (-0.28, -0.25, 0.85),
        (0.28, -0.21, 1.2),
        (40, 40, 44),
        Panel("front", 0.03, 0.05, 0.97, 0.95, (70, 84, 98)),
    )
    seat = chair(rng, palette.metal, palette.fabric)
    return [*table(1.2, 0.6, 0.74, palette.wood, palette.metal), screen, *placed(seat, 2, 0, -0.95)]
