"""The painter: draws solids back to front onto a canvas."""

from operator import itemgetter
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from pipelines.sample.camera import NEAR_M, Camera
from pipelines.sample.solids import Colour, Mark, Solid, Vec3

Array = NDArray[np.float64]


class Light(NamedTuple):
    """The light of a scene.

    Attributes:
        direction: Unit vector towards the light.
        ambient: Brightness (0..1) of a face turned away from it.
        falloff: How fast brightness decays with distance from the camera, per metre.
        drift: How far shadows reach over the ground, metres along x and y per metre of height.
        shadow: How dark shadows are, 0..1.
        softness: Blur of the shadows, as a share of the canvas width.
    """

    direction: Vec3
    ambient: float
    falloff: float = 0.0
    drift: tuple[float, float] = (0.0, 0.0)
    shadow: float = 0.4
    softness: float = 0.012


def paint(canvas: Image.Image, solids: list[Solid], camera: Camera, light: Light) -> None:
    """Paints solids in the given order onto an RGB canvas."""
    if not solids:
        return
    vertices = np.array([vertex for solid in solids for vertex in solid.vertices])
    marks = _numbered(solids)
    shades = _shades(marks, vertices, camera, light)
    seen: list[Vec3] = [(x, y, d) for x, y, d in camera.seen(vertices).tolist()]
    solid_draw, glass_draw = ImageDraw.Draw(canvas), ImageDraw.Draw(canvas, "RGBA")
    for mark, shade in zip(marks, shades, strict=True):
        if shade > 0:
            draw = glass_draw if len(mark.colour) == 4 else solid_draw
            _paint_mark(draw, mark, [seen[i] for i in mark.corners], shade, camera)


def out_of_the_way(solids: list[Solid], eye: Vec3, radius_m: float) -> list[Solid]:
    """Returns the solids that leave the space around the eye free."""
    low, high = _bounds(solids)
    nearest = np.clip(np.array(eye), low, high)
    distance = np.linalg.norm(nearest - np.array(eye), axis=1)
    return [solid for solid, d in zip(solids, distance, strict=True) if d > radius_m]


def back_to_front(solids: list[Solid], eye: Vec3) -> list[Solid]:
    """Returns the solids so that none comes before one that it can hide.

    A box cannot hide another if the eye and the other are on one side of a plane that
    separates the two (Fuchs, Kedem and Naylor, 1980). Where boxes overlap there may be
    no such order; then the farthest goes first.
    """
    low, high = _bounds(solids)
    hides = _can_hide(low, high, np.array(eye))
    distance = np.linalg.norm((low + high) / 2 - np.array(eye), axis=1)
    waiting = hides.sum(axis=1)
    todo = np.ones(len(solids), bool)
    order: list[int] = []
    while todo.any():
        ready = np.flatnonzero(todo & (waiting == 0))
        if not len(ready):
            ready = np.array([np.argmax(np.where(todo, distance, -1.0))])
        todo[ready] = False
        waiting -= hides[:, ready].sum(axis=1)
        order += ready.tolist()
    return [solids[i] for i in order]


def cast_shadows(canvas: Image.Image, solids: list[Solid], camera: Camera, light: Light, below_m: float = 1.2) -> None:
    """Darkens the ground under and behind solids whose foot is lower than below_m."""
    scale = 4
    mask = Image.new("L", (canvas.width // scale, canvas.height // scale))
    draw = ImageDraw.Draw(mask)
    low, high = _bounds(solids)
    boxes = [b for b in zip(low.tolist(), high.tolist(), strict=True) if b[0][2] < below_m]
    outlines = [_shadow(foot, top, light.drift) for foot, top in boxes]
    seen = camera.seen(np.array([corner for outline in outlines for corner in outline] or [(0, 0, 0)]))
    corners: list[Vec3] = [(x, y, depth) for x, y, depth in seen.tolist()]
    strengths: list[tuple[float, list[Vec3]]] = []
    for (foot, _), outline in zip(boxes, outlines, strict=True):
        strengths.append((light.shadow * (1.0 if foot[2] < 0.25 else 0.6), corners[: len(outline)]))
        del corners[: len(outline)]
    for strength, outline in sorted(strengths, key=itemgetter(0)):
        points = [(x / scale, y / scale) for x, y in camera.project(outline)]
        if len(points) > 2:
            draw.polygon(points, fill=round(255 * strength))
    mask = mask.filter(ImageFilter.GaussianBlur(light.softness * mask.width))
    canvas.paste((0, 0, 0), (0, 0), mask.resize(canvas.size, Image.Resampling.BILINEAR))


def _numbered(solids: list[Solid]) -> list[Mark]:
    """Returns all marks, their corners numbered through all solids."""
    marks, first = [], 0
    for solid in solids:
        for mark in solid.marks:
            corners = tuple(first + i for i in mark.corners)
            facing = tuple(first + i for i in mark.facing)
            marks.append(Mark(corners, mark.colour, mark.stroke, mark.lit, facing))
        first += len(solid.vertices)
    return marks


def _shades(marks: list[Mark], vertices: Array, camera: Camera, light: Light) -> list[float]:
    """Returns the brightness of each mark, 0..1; 0 for one that faces away."""
    sides = [m.facing or (m.corners[:3] if len(m.corners) > 2 else ()) for m in marks]
    faced = np.array([bool(side) for side in sides])
    a, b, c = vertices[np.array([side or (0, 0, 0) for side in sides])].transpose(1, 0, 2)
    normal = np.cross(b - a, c - a)
    normal /= np.linalg.norm(normal, axis=1, keepdims=True) + 1e-12
    away = ((a - np.array(camera.eye)) * normal).sum(axis=1) >= 0
    lit = np.clip(normal @ np.array(light.direction), 0, 1)
    first = vertices[[mark.corners[0] for mark in marks]]
    distance = np.linalg.norm(first - np.array(camera.eye), axis=1)
    brightness = light.ambient + (1 - light.ambient) * np.where(faced, lit, 0.6)
    brightness *= np.exp(-light.falloff * distance)
    brightness[[not mark.lit for mark in marks]] = 1.0
    brightness[faced & away] = 0.0
    return [float(value) for value in brightness]


def _paint_mark(draw: ImageDraw.ImageDraw, mark: Mark, seen: list[Vec3], shade: float, camera: Camera) -> None:
    points = camera.project(seen)
    if not points:
        return
    colour = _shaded(mark.colour, shade)
    if len(mark.corners) > 2:
        draw.polygon(points, fill=colour)
    elif len(mark.corners) == 2:
        depth = max(NEAR_M, sum(d for _, _, d in seen) / 2)
        draw.line(points[:2], fill=colour, width=max(1, round(mark.stroke * camera.focal_px / depth)))
    else:
        (x, y), r = points[0], mark.stroke * camera.focal_px / seen[0][2]
        draw.ellipse((x - r, y - r, x + r, y + r), fill=colour)


def _shaded(colour: Colour, shade: float) -> Colour:
    return (*(round(c * shade) for c in colour[:3]), *colour[3:])


def _bounds(solids: list[Solid]) -> tuple[Array, Array]:
    """Returns the lowest and the highest corner of each solid, (n, 3) metres each."""
    counts = [len(solid.vertices) for solid in solids]
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]]).astype(int)
    vertices = np.array([vertex for solid in solids for vertex in solid.vertices])
    return np.minimum.reduceat(vertices, starts), np.maximum.reduceat(vertices, starts)


def _can_hide(low: Array, high: Array, eye: Array) -> NDArray[np.bool_]:
    """Returns (n, n): whether box i can hide part of box j."""
    slack = 1e-3  # boxes that touch count as separated
    i_low, i_high, j_low, j_high = low[:, None], high[:, None], low[None], high[None]
    behind = (j_high <= i_low + slack) & (eye <= i_low + slack)
    before = (j_low >= i_high - slack) & (eye >= i_high - slack)
    hides: NDArray[np.bool_] = np.logical_not(np.any(behind | before, axis=2))
    np.fill_diagonal(hides, False)
    return hides


def _shadow(foot: list[float], top: list[float], drift: tuple[float, float]) -> list[Vec3]:
    """Returns the outline that a box throws on the ground."""
    points = []
    for z in (foot[2], top[2]):
        dx, dy = drift[0] * z, drift[1] * z
        points += [(x + dx, y + dy) for x in (foot[0], top[0]) for y in (foot[1], top[1])]
    hull = _hull(sorted(set(points)))
    return [(x, y, 0.0) for x, y in hull]


def _hull(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Returns the convex hull of sorted points (Andrew, 1979)."""
    if len(points) < 3:
        return points
    chains: list[list[tuple[float, float]]] = []
    for run in (points, points[::-1]):
        chain: list[tuple[float, float]] = []
        for p in run:
            while len(chain) > 1 and _turn(chain[-2], chain[-1], p) <= 0:
                chain.pop()
            chain.append(p)
        chains.append(chain[:-1])
    return chains[0] + chains[1]


def _turn(a: tuple[float, float], b: tuple[float, float], c: tuple[float, float]) -> float:
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
