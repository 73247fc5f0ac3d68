"""Season, time of day and sky of an outdoor scene."""

from typing import NamedTuple

import numpy as np
from numpy.random import Generator
from PIL import Image, ImageFilter

from pipelines.sample.chance import happens, pick
from pipelines.sample.palette import jittered, mixed, scaled
from pipelines.sample.solids import Colour

_LAWNS = [(122, 152, 84), (142, 162, 96), (106, 140, 78), (164, 168, 112), (130, 148, 104)]
_AUTUMN = [(176, 110, 48), (194, 142, 58), (140, 84, 50), (150, 130, 60)]
_SKIES = [
    ((92, 146, 212), (196, 220, 240)),
    ((120, 166, 220), (224, 232, 240)),
    ((180, 188, 196), (222, 224, 226)),
    ((206, 210, 214), (236, 236, 236)),
    ((70, 84, 130), (242, 184, 140)),
    ((60, 74, 110), (150, 160, 190)),
]


class Weather(NamedTuple):
    """What the season and the hour make of a place.

    Attributes:
        zenith: Sky colour high up.
        horizon: Sky colour low down.
        clouds: Share of the sky under clouds, 0..1.
        lawn: Colour of grass.
        leaf: Colour of most leaves.
        bare: Whether trees have lost their leaves.
        sunny: Whether shadows are sharp.
        dusk: Whether lamps are lit.
    """

    zenith: Colour
    horizon: Colour
    clouds: float
    lawn: Colour
    leaf: Colour
    bare: bool
    sunny: bool
    dusk: bool


def draw_weather(rng: Generator) -> Weather:
    """Returns the weather of one picture."""
    sky = pick(rng, (0, 0, 1, 1, 2, 3, 4, 5))
    snow, autumn = happens(rng, 0.07), happens(rng, 0.18)
    lawn = jittered(rng, pick(rng, _LAWNS), 16)
    leaf = pick(rng, _AUTUMN) if autumn else scaled(pick(rng, _LAWNS), rng.uniform(0.6, 0.9))
    dusk = sky >= 4
    return Weather(
        zenith=jittered(rng, _SKIES[sky][0], 14),
        horizon=jittered(rng, _SKIES[sky][1], 10),
        clouds=rng.uniform(0.0, 0.7),
        lawn=(232, 236, 240) if snow else scaled(lawn, 0.7 if dusk else 1.0),
        leaf=jittered(rng, scaled(leaf, 0.7 if dusk else 1.0), 14),
        bare=snow or (autumn and happens(rng, 0.4)),
        sunny=sky < 2,
        dusk=dusk,
    )


def paint_sky(canvas: Image.Image, weather: Weather, horizon_px: int, rng: Generator) -> None:
    """Paints the sky over the whole canvas, lightest at the horizon."""
    rows = np.clip(np.arange(canvas.height) / max(horizon_px, 1), 0, 1)[:, None]
    shades = np.array(weather.zenith) * (1 - rows) + np.array(weather.horizon) * rows
    strip = Image.fromarray(shades[:, None].astype(np.uint8))
    canvas.paste(strip.resize(canvas.size, Image.Resampling.NEAREST))
    height, width = 24, 36
    cover = sum(
        weight * np.asarray(_noise(rng, columns, rows).resize((width, height), Image.Resampling.BICUBIC))
        for weight, columns, rows in ((0.5, 4, 5), (0.3, 9, 11), (0.2, 18, 24))
    )
    alpha = np.clip((cover / 255 - 0.78 + weather.clouds * 0.6) * 3, 0, 0.8) * 255
    mask = Image.fromarray(alpha.astype(np.uint8)).resize(canvas.size, Image.Resampling.BICUBIC)
    canvas.paste(mixed(weather.horizon, (250, 250, 250), 0.5), (0, 0), mask)


def roughen(canvas: Image.Image, top_px: int, rng: Generator, strength: float) -> None:
    """Gives everything below a row the grain of grass and gravel: fine and coarse blotches."""
    width, height = canvas.width, canvas.height - top_px
    if height < 8:
        return
    grain = _noise(rng, width // 2, height // 2).filter(ImageFilter.BoxBlur(0.6))
    grain, coarse = (noise.resize((width, height)) for noise in (grain, _noise(rng, 24, 12)))
    blotches = Image.blend(grain, coarse, 0.35)
    canvas.paste((0, 0, 0), (0, top_px), blotches.point([round(strength * v) for v in range(256)]))


def _noise(rng: Generator, width: int, height: int) -> Image.Image:
    return Image.frombytes("L", (width, height), rng.bytes(width * height))
