"""What a camera does to a picture: exposure, colour cast, glare, blur, noise."""

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageEnhance, ImageFilter, ImageOps

from pipelines.sample.chance import happens

# Light changes slowly over a picture; it is worked out on a grid this wide and high.
_GRID = 24


def develop(image: Image.Image, rng: Generator, *, mirrored: bool) -> Image.Image:
    """Returns the RGB picture as a camera would have taken it; its size stays.

    Args:
        image: What was drawn, RGB.
        rng: Where the choices come from.
        mirrored: Whether left and right may change places.
    """
    if mirrored and happens(rng, 0.5):
        image = ImageOps.mirror(image)
    image = ImageChops.multiply(image, _light_map(rng).resize(image.size, Image.Resampling.BILINEAR))
    image = image.point(_tone_curves(rng))
    if happens(rng, 0.5):
        image = _with_glare(image, rng.uniform(0.15, 0.5))
    if happens(rng, 0.6):
        image = ImageEnhance.Color(image).enhance(rng.uniform(0.45, 1.35))
    if happens(rng, 0.25):
        image = image.filter(ImageFilter.GaussianBlur(rng.uniform(0.4, 1.3)))
    return _with_noise(image, rng, rng.uniform(1.0, 7.0))


def _light_map(rng: Generator) -> Image.Image:
    """Returns how much light each part gets: a slope, a bright spot, darker corners."""
    y, x = np.mgrid[-1 : 1 : _GRID * 1j, -1 : 1 : _GRID * 1j]
    angle = rng.uniform(0, 2 * np.pi)
    slope = (x * np.cos(angle) + y * np.sin(angle)) * rng.uniform(0, 0.16)
    spot_x, spot_y = rng.uniform(-1, 1), rng.uniform(-1, 1)
    spot = np.exp(-((x - spot_x) ** 2 + (y - spot_y) ** 2) * 1.5) * rng.uniform(0, 0.25)
    corners = (x**2 + y**2) * rng.uniform(0, 0.13)
    light = 0.86 + slope + spot - corners
    tint = rng.uniform(-0.05, 0.05, 3) * spot[..., None] / 0.25
    return Image.fromarray((np.clip(light[..., None] + tint, 0.3, 1) * 255).astype(np.uint8))


def _tone_curves(rng: Generator) -> list[int]:
    """Returns 3 * 256 output values: gain, gamma and the warmth of the light."""
    gain, gamma = rng.uniform(0.95, 1.4), float(np.exp(rng.normal(-0.12, 0.18)))
    warmth, green = rng.normal(0, 0.055), rng.normal(0, 0.018)
    black = rng.uniform(0, 22)
    level = np.arange(256) / 255
    curves = [
        black + (255 - black) * np.clip(gain * factor * level, 0, 1) ** gamma
        for factor in (1 + warmth, 1 + green, 1 - warmth)
    ]
    return [round(value) for value in np.concatenate(curves).tolist()]


def _with_glare(image: Image.Image, strength: float) -> Image.Image:
    """Lets what is bright shine over its surroundings."""
    small = image.resize((max(1, image.width // 8), max(1, image.height // 8)), Image.Resampling.BOX)
    bright = small.point([max(0, value - 215) * 4 for value in range(256)] * 3)
    glow = bright.filter(ImageFilter.BoxBlur(7)).point([round(v * strength) for v in range(256)] * 3)
    return ImageChops.screen(image, glow.resize(image.size, Image.Resampling.BILINEAR))


def _with_noise(image: Image.Image, rng: Generator, spread: float) -> Image.Image:
    """Adds noise of the given spread (levels of 255), the same to all channels."""
    width, height = image.size
    grain = np.frombuffer(rng.bytes(width * height), np.uint8).reshape(height, width, 1)
    # Uniform noise: after JPEG nobody can tell it from a bell curve, and it is quick.
    levels = np.round(np.linspace(-1.73, 1.73, 256) * spread).astype(np.int16)
    pixels: NDArray[np.int16] = np.asarray(image) + levels[grain]
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
