"""The outdoor scenes. Each returns an RGB picture of the given size (width, height in pixels)."""

from numpy.random import Generator
from PIL import Image

from pipelines.sample.chance import count, happens, pick
from pipelines.sample.exterior import Plot, photograph_plot, slabs
from pipelines.sample.garden import (
    bush,
    car,
    fence,
    garden_set,
    grill,
    hedge,
    lounger,
    shed,
    trampoline,
    tree,
)
from pipelines.sample.house import (
    House,
    draw_house,
    front_door,
    garage_door,
    house_window,
    terrace_door,
    walls,
)
from pipelines.sample.interior import Size
from pipelines.sample.palette import STONES, WOODS, jittered, scaled
from pipelines.sample.room import Piece
from pipelines.sample.solids import Panel, box

_ASPHALT = (96, 98, 102)


def frontyard(rng: Generator, size: Size) -> Image.Image:
    """Draws a house from the street: front door, path, driveway, garage, kerb."""
    plot = Plot(rng)
    house = draw_house(rng, plot.weather)
    front = rng.uniform(8.0, 13.0)
    door_x = house.width * rng.uniform(-0.25, 0.25)
    garage_x = house.width / 2 * pick(rng, (-1, 1)) * 0.68
    has_garage = happens(rng, 0.55) and abs(door_x - garage_x) > 2.6
    openings = [front_door(rng, house, door_x)]
    if has_garage:
        openings.append(garage_door(rng, house, garage_x))
    openings += _windows(rng, house, {door_x: 1.2, garage_x: 2.4 if has_garage else 0.0})
    plot.stand(walls(rng, house, rng.uniform(6, 9), *openings), 0.0, front)
    _street_side(plot, front, door_x, garage_x if has_garage else None)
    _planting(plot, front, house)
    if happens(rng, 0.35):
        plot.stand(car(rng), garage_x, front - rng.uniform(1.5, 3.5), turn=pick(rng, (1, 3)))
    eye = (rng.uniform(-5.5, 5.5), rng.uniform(-2.5, 0.5), rng.uniform(1.3, 2.2))
    target = (rng.uniform(-1.5, 1.5), front, rng.uniform(1.2, 2.4))
    return photograph_plot(plot, size, eye=eye, target=target, view_deg=rng.uniform(52, 80))


def backyard(rng: Generator, size: Size) -> Image.Image:
    """Draws a garden: lawn, fence, terrace, pool, furniture, at times the house from behind."""
    plot = Plot(rng)
    deep = rng.uniform(10.0, 17.0)
    house_seen = happens(rng, 0.45)
    if house_seen:
        house = draw_house(rng, plot.weather)
        openings = [terrace_door(rng, house, rng.uniform(-0.2, 0.2) * house.width)]
        openings += _windows(rng, house, {0.0: 2.8})
        plot.stand(walls(rng, house, 7.0, *openings), rng.uniform(-3, 3), deep)
        floor = jittered(rng, pick(rng, [*STONES, *WOODS]), 12)
        slabs(plot, -4.5, deep - rng.uniform(2.0, 3.5), 4.5, deep, floor)
    else:
        floor = jittered(rng, pick(rng, [*STONES, *WOODS]), 12)
        if happens(rng, 0.6):
            slabs(plot, -7.0, -3.0, 7.0, rng.uniform(1.5, 4.0), floor)
        _far_edge(plot, deep)
    _side_edges(plot, deep)
    _leisure(plot, deep)
    eye = (rng.uniform(-3.5, 3.5), rng.uniform(-2.5, -0.5), rng.uniform(1.4, 3.2))
    target = (rng.uniform(-2.5, 2.5), deep, rng.uniform(0.6, 1.8))
    return photograph_plot(plot, size, eye=eye, target=target, view_deg=rng.uniform(55, 82))


def _windows(rng: Generator, house: House, keep_free: dict[float, float]) -> list[Piece]:
    """Returns windows in rows, on the ground floor none within a distance of what is there."""
    number = max(2, round(house.width / rng.uniform(2.4, 3.4)))
    windows: list[Piece] = []
    for storey in range(house.storeys):
        for i in range(number):
            x = house.width * ((i + 0.5) / number - 0.5)
            free = all(abs(x - at) > gap + 0.7 for at, gap in keep_free.items())
            if (storey or free) and happens(rng, 0.85):
                windows.append(house_window(rng, house, x, 0.95 + 2.9 * storey))
    return windows


def _street_side(plot: Plot, front: float, door_x: float, garage_x: float | None) -> None:
    """Lays path, driveway, pavement and street."""
    rng = plot.rng
    path = jittered(rng, pick(rng, STONES), 10)
    plot.pave(door_x - 0.7, -1.0, door_x + 0.7, front - 1.0, path)
    if garage_x is not None or happens(rng, 0.25):
        x = garage_x if garage_x is not None else -door_x - 4
        paving = jittered(rng, pick(rng, [*STONES, _ASPHALT]), 10)
        plot.pave(x - 2.0, -1.0, x + 2.0, front, paving)
    if happens(rng, 0.6):
        edge = rng.uniform(0.8, 3.0)
        plot.pave(-60, -5, 60, edge, jittered(rng, _ASPHALT, 14))
        plot.pave(-60, edge, 60, edge + 1.4, jittered(rng, STONES[0], 12))
        plot.pave(-60, edge - 0.12, 60, edge, (206, 204, 198))
    if happens(rng, 0.25):
        post = box((-0.06, -0.12, 0), (0.06, 0, 1.0), (90, 76, 62))
        slot = Panel("front", 0.15, 0.6, 0.85, 0.7, (40, 40, 42))
        plot.stand([post, box((-0.2, -0.2, 1.0), (0.2, 0.1, 1.35), (120, 60, 56), slot)], door_x + 1.4, 4.2)


def _planting(plot: Plot, front: float, house: House) -> None:
    """Plants bushes along the front, trees beside the house, a hedge or fence by the street."""
    rng, weather = plot.rng, plot.weather
    for _ in range(count(rng, 0, 6)):
        x = house.width * rng.uniform(-0.48, 0.48)
        plot.stand(bush(rng, weather, rng.uniform(0.3, 0.6)), x, front - rng.uniform(0.7, 1.2))
    for _ in range(count(rng, 0, 3)):
        x = pick(rng, (-1, 1)) * rng.uniform(house.width * 0.4, house.width * 0.8)
        plot.stand(tree(rng, weather, rng.uniform(3, 8)), x, front + rng.uniform(-4, 1.5))
    for x in (-15.0, 15.0):
        if happens(rng, 0.6):
            plot.stand(tree(rng, weather, rng.uniform(6, 10)), x, front + 6)
    if happens(rng, 0.3):
        low = hedge(rng, weather, 5, rng.uniform(0.5, 1.0)) if happens(rng, 0.6) else fence(rng, 5, 0.8)
        plot.stand(low, pick(rng, (-1, 1)) * rng.uniform(5, 7), 4.5)


def _far_edge(plot: Plot, deep: float) -> None:
    """Closes the garden at its far end and puts trees, or a neighbour's house, behind."""
    rng, weather = plot.rng, plot.weather
    high = rng.uniform(1.2, 2.1)
    edge = fence(rng, 18, high) if happens(rng, 0.6) else hedge(rng, weather, 18, high)
    plot.stand(edge, 0.0, deep)
    for _ in range(count(rng, 1, 6)):
        plot.stand(tree(rng, weather, rng.uniform(4, 9)), rng.uniform(-12, 12), deep + rng.uniform(0.8, 6))
    if happens(rng, 0.3):
        neighbour = draw_house(rng, weather)
        plot.stand(walls(rng, neighbour, 7.0, *_windows(rng, neighbour, {})), rng.uniform(-9, 9), deep + 12)


def _side_edges(plot: Plot, deep: float) -> None:
    rng, weather = plot.rng, plot.weather
    for x, turn in ((-9.0, 1), (9.0, 3)):
        if happens(rng, 0.75):
            length, high = deep - 1, rng.uniform(1.2, 2.0)
            edge = fence(rng, length, high) if happens(rng, 0.55) else hedge(rng, weather, length, high)
            plot.stand(edge, x, deep / 2, turn=turn)
    for _ in range(count(rng, 0, 4)):
        x = pick(rng, (-1, 1)) * rng.uniform(5.5, 8.2)
        plot.stand(bush(rng, weather, rng.uniform(0.4, 0.9)), x, rng.uniform(4, deep - 1))


def _leisure(plot: Plot, deep: float) -> None:
    """Adds a pool and things to sit, play and cook on, each in a part of its own."""
    rng, weather = plot.rng, plot.weather
    spots = [(x, y) for x in (-4.4, 0.0, 4.4) for y in (deep * 0.38, deep * 0.66)]
    rng.shuffle(spots)
    if happens(rng, 0.35):
        _pool(plot, *spots.pop())
    things = [garden_set(rng), garden_set(rng), lounger(rng), lounger(rng), grill(rng), trampoline(rng), shed(rng)]
    things += [tree(rng, weather, rng.uniform(2.5, 5)), bush(rng, weather, 0.7)]
    for _ in range(count(rng, 1, 4)):
        x, y = spots.pop()
        turn = count(rng, 0, 3)
        plot.stand(things.pop(int(rng.random() * len(things))), x, y, turn=turn)


def _pool(plot: Plot, x: float, y: float) -> None:
    rng = plot.rng
    w, d = rng.uniform(1.5, 2.4), rng.uniform(1.2, 2.2)
    water = jittered(rng, pick(rng, [(90, 180, 206), (70, 150, 190), (120, 196, 204)]), 12)
    plot.pave(x - w - 0.6, y - d - 0.6, x + w + 0.6, y + d + 0.6, jittered(rng, pick(rng, STONES), 10))
    plot.pave(x - w, y - d, x + w, y + d, water)
    plot.pave(x - w, y + d * 0.75, x + w, y + d, scaled(water, 0.8))
