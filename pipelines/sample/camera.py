"""The camera: where it stands and how it maps metres to pixels."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipelines.sample.solids import Vec3

# What is nearer than this is cut off: a point at the lens has no place in the picture.
NEAR_M = 0.15

Point = tuple[float, float]


class Camera(NamedTuple):
    """A pinhole camera.

    Attributes:
        eye: Where it stands, metres.
        target: The point in the middle of the picture, before the shift.
        focal_px: Focal length, pixels of the canvas.
        canvas: Width and height of the canvas, pixels.
        roll: How far the camera leans sideways, radians.
        shift: How far the middle of the picture is moved down, in canvas heights.
    """

    eye: Vec3
    target: Vec3
    focal_px: float
    canvas: tuple[int, int]
    roll: float = 0.0
    shift: float = 0.0

    @property
    def centre(self) -> Point:
        """The pixel that the camera points at."""
        return self.canvas[0] / 2, self.canvas[1] * (0.5 + self.shift)

    def horizon_px(self) -> int:
        """Returns the canvas row of points at eye level, within the canvas."""
        dx, dy, dz = (t - e for t, e in zip(self.target, self.eye, strict=True))
        row = self.centre[1] + self.focal_px * dz / math.hypot(dx, dy)
        return round(min(max(row, 0), self.canvas[1] - 1))

    def seen(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Returns points, (n, 3) metres, as right, up and depth from the camera, (n, 3)."""
        seen: NDArray[np.float64] = (points - np.array(self.eye)) @ self._axes().T
        return seen

    def project(self, seen: list[Vec3]) -> list[Point]:
        """Returns the pixels of a line or polygon, cut off at the lens; empty if behind it."""
        if min(depth for _, _, depth in seen) < NEAR_M:
            seen = _cut(seen)
        (cx, cy), f = self.centre, self.focal_px
        return [(cx + f * x / depth, cy - f * y / depth) for x, y, depth in seen]

    def _axes(self) -> NDArray[np.float64]:
        forward = np.array(self.target) - np.array(self.eye)
        forward /= np.linalg.norm(forward)
        right = np.cross(forward, (0.0, 0.0, 1.0))
        right /= np.linalg.norm(right)
        up = np.cross(right, forward)
        c, s = math.cos(self.roll), math.sin(self.roll)
        return np.stack([c * right + s * up, c * up - s * right, forward])


def _cut(seen: list[Vec3]) -> list[Vec3]:
    """Cuts a polygon at the near plane (Sutherland and Hodgman, 1974); a line closes on itself."""
    kept: list[Vec3] = []
    for here, after in zip(seen, seen[1:] + seen[:1], strict=True):
        if here[2] >= NEAR_M:
            kept.append(here)
        if (here[2] >= NEAR_M) != (after[2] >= NEAR_M):
            t = (NEAR_M - here[2]) / (after[2] - here[2])
            x, y, _ = (h + t * (a - h) for h, a in zip(here, after, strict=True))
            kept.append((x, y, NEAR_M))
    return kept
