"""The nine scenes by name, and how one picture of a scene is drawn."""

from collections.abc import Callable

import numpy as np
from numpy.random import Generator
from PIL import Image

from pipelines.sample import indoor, yards
from pipelines.sample.chance import pick
from pipelines.sample.interior import Size
from pipelines.sample.kitchen import kitchen
from pipelines.sample.photo import develop
from pipelines.sample.plan import plan

Scene = Callable[[Generator, Size], Image.Image]

SCENES: dict[str, Scene] = {
    "backyard": yards.backyard,
    "bathroom": indoor.bathroom,
    "bedroom": indoor.bedroom,
    "diningRoom": indoor.dining_room,
    "frontyard": yards.frontyard,
    "hall": indoor.hall,
    "kitchen": kitchen,
    "livingRoom": indoor.living_room,
    "plan": plan,
}

# Width over height: landscape more often than square and portrait.
_ASPECTS = (4 / 3, 4 / 3, 4 / 3, 3 / 2, 3 / 2, 16 / 9, 1.0, 3 / 4, 2 / 3)


def picture_rng(seed: int, scene: str, number: int) -> Generator:
    """Returns the random numbers of one picture; they depend on nothing but the arguments."""
    return np.random.default_rng([seed, list(SCENES).index(scene), number])


def draw_picture(rng: Generator, scene: str) -> Image.Image:
    """Draws one picture of a scene.

    Args:
        rng: Where all choices come from.
        scene: A key of SCENES.

    Returns:
        An RGB picture, about 320 to 720 pixels wide.
    """
    aspect = pick(rng, _ASPECTS)
    # Small pictures are the most common, so that drawing hundreds stays quick.
    width = 320 + rng.random() ** 2 * (400 if aspect >= 1 else 140)
    drawn = SCENES[scene](rng, (round(width), round(width / aspect)))
    # A mirrored plan would show mirrored writing.
    return develop(drawn, rng, mirrored=scene != "plan")
