"""From a garden with its house to a picture under an open sky."""

from numpy.random import Generator
from PIL import Image

from pipelines.sample.camera import Camera
from pipelines.sample.chance import happens
from pipelines.sample.interior import Size, direction, focal_px, oversampled
from pipelines.sample.painter import Light, back_to_front, cast_shadows, paint
from pipelines.sample.palette import jittered, mixed, scaled
from pipelines.sample.room import Piece
from pipelines.sample.solids import Colour, Solid, Vec3, balls, flat, placed
from pipelines.sample.weather import Weather, draw_weather, paint_sky, roughen

_FAR_M = 90.0


class Plot:
    """A plot of land that is being built on; the camera looks along y from about y = 0.

    Attributes:
        rng: Where the choices come from.
        weather: Season, hour and sky.
        ground: What lies flat on the ground, painted first in this order.
        solids: What stands on it.
    """

    def __init__(self, rng: Generator) -> None:
        """Starts with an endless lawn."""
        self.rng = rng
        self.weather = draw_weather(rng)
        self.solids: list[Solid] = []
        self.ground: list[Solid] = []
        self.pave(-_FAR_M, -5.0, _FAR_M, _FAR_M, self.weather.lawn)
        if happens(rng, 0.8):
            self.ground.append(_far_trees(rng, self.weather))

    def pave(self, x0: float, y0: float, x1: float, y1: float, colour: Colour) -> None:
        """Covers a rectangle of ground."""
        corners = ((x0, y0, 0.0), (x1, y0, 0.0), (x1, y1, 0.0), (x0, y1, 0.0))
        self.ground.append(flat(corners, colour))

    def stand(self, piece: Piece, x: float, y: float, *, turn: int = 0) -> None:
        """Puts a piece with the middle of its back at (x, y)."""
        self.solids += placed(piece, turn, x, y)


def photograph_plot(plot: Plot, size: Size, *, eye: Vec3, target: Vec3, view_deg: float) -> Image.Image:
    """Returns an RGB picture of a plot.

    Args:
        plot: The plot.
        size: Width and height of the picture, pixels.
        eye: Where the camera stands, metres.
        target: What it points at, metres.
        view_deg: Angle of view across the longer side, degrees.
    """
    rng, weather = plot.rng, plot.weather
    canvas = Image.new("RGB", oversampled(size))
    shift = rng.uniform(-0.02, 0.16)
    focal = focal_px(canvas.size, view_deg)
    camera = Camera(eye, target, focal, canvas.size, roll=rng.normal(0, 0.01), shift=shift)
    light = _daylight(rng, weather)
    paint_sky(canvas, weather, camera.horizon_px(), rng)
    paint(canvas, plot.ground, camera, light)
    roughen(canvas, camera.horizon_px(), rng, rng.uniform(0.15, 0.4))
    cast_shadows(canvas, plot.solids, camera, light, below_m=4.0)
    paint(canvas, back_to_front(plot.solids, eye), camera, light)
    return canvas.resize(size, Image.Resampling.BILINEAR)


def slabs(plot: Plot, x0: float, y0: float, x1: float, y1: float, colour: Colour) -> None:
    """Covers a rectangle of ground with boards or slabs, their joints along one way."""
    plot.pave(x0, y0, x1, y1, colour)
    joint, along = scaled(colour, 0.8), happens(plot.rng, 0.5)
    length = (x1 - x0) if along else (y1 - y0)
    step = plot.rng.uniform(0.15, 0.6)
    for i in range(1, int(length / step)):
        a = i * step
        if along:
            plot.pave(x0 + a, y0, x0 + a + 0.025, y1, joint)
        else:
            plot.pave(x0, y0 + a, x1, y0 + a + 0.025, joint)


def _far_trees(rng: Generator, weather: Weather) -> Solid:
    """Returns a line of trees where the land ends, hazy with distance."""
    haze = mixed(weather.leaf, weather.horizon, rng.uniform(0.2, 0.6))
    high = rng.uniform(1.5, 4.5)
    return balls(
        [
            ((rng.uniform(-70, 70), 50.0, rng.uniform(0, high)), rng.uniform(2, 4), jittered(rng, haze, 8))
            for _ in range(50)
        ]
    )


def _daylight(rng: Generator, weather: Weather) -> Light:
    x, y = rng.uniform(-1.2, 1.2), rng.uniform(-1.0, 0.3)
    sunny = weather.sunny
    return Light(
        direction=direction(x, y, rng.uniform(0.7, 1.3)),
        ambient=rng.uniform(0.5, 0.65) if sunny else rng.uniform(0.7, 0.85),
        drift=(-x * 0.6, -y * 0.6) if sunny else (0.0, 0.0),
        shadow=rng.uniform(0.35, 0.55) if sunny else rng.uniform(0.15, 0.3),
        softness=0.004 if sunny else 0.02,
    )
