"""From a furnished room to a picture: where the camera stands, how light falls, what is in the way."""

import math

import numpy as np
from numpy.random import Generator
from PIL import Image, ImageDraw, ImageFilter

from pipelines.sample.camera import Camera
from pipelines.sample.chance import happens, pick
from pipelines.sample.painter import Light, back_to_front, cast_shadows, out_of_the_way, paint
from pipelines.sample.palette import WHITES, WOODS, jittered, scaled
from pipelines.sample.room import Room
from pipelines.sample.solids import Vec3

# Scenes are drawn larger by this and then reduced, which smooths their edges.
OVERSAMPLING = 1.5

Size = tuple[int, int]


def photograph_room(room: Room, size: Size, *, view_deg: tuple[float, float] = (58, 86)) -> Image.Image:
    """Returns an RGB picture of a room, seen from its front left towards its back right.

    Args:
        room: The furnished room.
        size: Width and height of the picture, pixels.
        view_deg: Range of the horizontal angle of view of a landscape picture, degrees.
    """
    rng = room.rng
    canvas = Image.new("RGB", oversampled(size), room.palette.wall)
    camera = _camera_in(room, canvas.size, view_deg)
    light = _room_light(rng)
    solids = out_of_the_way(room.solids, camera.eye, 0.6)
    paint(canvas, room.shell, camera, light)
    cast_shadows(canvas, solids, camera, light)
    paint(canvas, back_to_front(solids, camera.eye), camera, light)
    if happens(rng, 0.07):
        _stand_in_the_way(canvas, rng)
    return canvas.resize(size, Image.Resampling.BILINEAR, reducing_gap=None)


def oversampled(size: Size) -> Size:
    """Returns the size of the canvas for a picture of the given size, pixels."""
    return round(size[0] * OVERSAMPLING), round(size[1] * OVERSAMPLING)


def focal_px(canvas: Size, view_deg: float) -> float:
    """Returns the focal length, pixels, for an angle of view across the longer side."""
    return max(canvas) / 2 / math.tan(math.radians(view_deg) / 2)


def direction(x: float, y: float, z: float) -> Vec3:
    """Returns the unit vector along (x, y, z)."""
    x, y, z = (np.array((x, y, z)) / math.hypot(x, y, z)).tolist()
    return (x, y, z)


def _camera_in(room: Room, canvas: Size, view_deg: tuple[float, float]) -> Camera:
    rng = room.rng
    # A person with a camera stands back as far as the room lets them, or in its door.
    back = rng.uniform(-0.9, 0.2) if room.depth < 4 else rng.uniform(-0.5, 0.5)
    eye = (room.width * rng.uniform(0.15, 0.52), back, rng.uniform(1.15, 1.7))
    x, y = room.width * rng.uniform(0.42, 0.8), room.depth * rng.uniform(0.75, 1.0)
    focus_x, focus_y = room.focus()
    pull = rng.uniform(0.2, 0.8)
    target = (x + pull * (focus_x - x), y + pull * (focus_y - y), eye[2] - rng.uniform(0, 0.25))
    upright = canvas[1] > canvas[0]
    return Camera(
        eye=eye,
        target=target,
        focal_px=focal_px(canvas, rng.uniform(*view_deg)),
        canvas=canvas,
        roll=rng.normal(0, 0.012),
        shift=rng.uniform(-0.12, -0.02) if upright else rng.uniform(-0.13, 0.03),
    )


def _room_light(rng: Generator) -> Light:
    return Light(
        direction=direction(rng.uniform(-0.9, 0.9), rng.uniform(-0.9, -0.3), rng.uniform(0.6, 1.4)),
        ambient=rng.uniform(0.55, 0.88),
        falloff=rng.uniform(0.0, 0.035),
        drift=(rng.uniform(-0.4, 0.4), rng.uniform(-0.1, 0.3)),
        shadow=rng.uniform(0.2, 0.5),
        softness=rng.uniform(0.01, 0.035),
    )


def _stand_in_the_way(canvas: Image.Image, rng: Generator) -> None:
    """Paints the blurred edge of a door or a wall over one side."""
    w, h = canvas.size
    colour = scaled(jittered(rng, pick(rng, [*WHITES, *WOODS]), 10), rng.uniform(0.5, 0.95))
    edge = w * rng.uniform(0.06, 0.22)
    mask = Image.new("L", canvas.size)
    outline = [(0, 0), (edge * rng.uniform(0.9, 1.1), 0), (edge, h), (0, h)]
    ImageDraw.Draw(mask).polygon(outline, fill=255)
    canvas.paste(colour, (0, 0), mask.filter(ImageFilter.BoxBlur(3)))
