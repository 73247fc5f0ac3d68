"""A room: four walls, a floor, and furniture put where there is space for it."""

from typing import Literal

import numpy as np
from numpy.random import Generator

from pipelines.sample.palette import Palette
from pipelines.sample.solids import Solid, Vec3, placed

Wall = Literal["back", "right", "left"]
Piece = list[Solid]
Bounds = tuple[Vec3, Vec3]

_TURNS: dict[Wall, int] = {"back": 0, "left": 1, "right": 3}


class Room:
    """A room that is being furnished; x is 0 at the left wall, y is 0 near the camera.

    Attributes:
        width: Along x, metres.
        depth: Along y, metres.
        height: Along z, metres.
        palette: What it is made of.
        shell: What is painted first, in this order: walls, floor, rugs.
        solids: The furniture.
    """

    def __init__(self, rng: Generator, width: float, depth: float, palette: Palette) -> None:
        """Starts with bare walls of a usual height."""
        self.rng = rng
        self.width, self.depth = width, depth
        self.height = float(rng.uniform(2.4, 2.95))
        self.palette = palette
        self.shell: list[Solid] = []
        self.solids: list[Solid] = []
        self._taken: list[Bounds] = []

    def stand(self, piece: Piece, x: float, y: float, *, turn: int = 0, z: float = 0.0) -> bool:
        """Puts a piece with the middle of its back at (x, y), if there is space.

        Returns:
            Whether it was put there.
        """
        return self._put(placed(piece, turn, x, y, z))

    def against(self, wall: Wall, piece: Piece, *, at: float | None = None, z: float = 0.0, tries: int = 6) -> bool:
        """Puts a piece against a wall, at a share (0..1) of its length or where there is space.

        Returns:
            Whether it was put there.
        """
        (left, _, _), (right, _, _) = bounds(piece)
        length = self.width if wall == "back" else self.depth
        # The first quarter of a side wall is beside or behind the camera.
        low = -left if wall == "back" else length * 0.22 - left
        high = max(length - right, low)
        for _ in range(1 if at is not None else tries):
            along = length * at if at is not None else self.rng.uniform(low, high)
            along = min(max(along, low), high)
            x, y = self._on(wall, along)
            if self.stand(piece, x, y, turn=_TURNS[wall], z=z):
                return True
        return False

    def focus(self) -> tuple[float, float]:
        """Returns the middle (x, y) of the first piece that stands on the floor."""
        for (x0, y0, foot), (x1, y1, _) in self._taken:
            if foot < 0.1:
                return (x0 + x1) / 2, (y0 + y1) / 2
        return self.width / 2, self.depth

    def lay(self, piece: Piece, x: float, y: float, *, turn: int = 0) -> None:
        """Lays something flat on the floor, under all furniture."""
        self.shell += placed(piece, turn, x, y, 0.0)

    def hang(self, piece: Piece, x: float, y: float) -> None:
        """Hangs something from the ceiling, wherever else things are."""
        self.solids += placed(piece, 0, x, y, self.height)

    def _on(self, wall: Wall, along: float) -> tuple[float, float]:
        if wall == "back":
            return along, self.depth
        return (0.0 if wall == "left" else self.width), along

    def _put(self, piece: Piece) -> bool:
        space = bounds(piece)
        if any(_overlap(space, other) for other in self._taken):
            return False
        self._taken.append(space)
        self.solids += piece
        return True


def bounds(piece: Piece) -> Bounds:
    """Returns the lowest and the highest corner of a piece, metres."""
    vertices = np.array([vertex for solid in piece for vertex in solid.vertices])
    low, high = vertices.min(axis=0).tolist(), vertices.max(axis=0).tolist()
    return (low[0], low[1], low[2]), (high[0], high[1], high[2])


def _overlap(a: Bounds, b: Bounds) -> bool:
    slack = 0.02
    return all(
        a_low < b_high - slack and b_low < a_high - slack for a_low, a_high, b_low, b_high in zip(*a, *b, strict=True)
    )
