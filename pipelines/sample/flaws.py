"""The flaws that real data has: files that do not decode, copies, pictures stored turned."""

from typing import Literal, NamedTuple

from PIL import Image

from pipelines.sample.scenes import SCENES

Damage = Literal["truncated", "webpage", "empty"]

# EXIF orientation values, and what undoes in the pixels what each tells a viewer to do.
_STORED_TURNED: dict[int, Image.Transpose] = {
    3: Image.Transpose.ROTATE_180,
    6: Image.Transpose.ROTATE_90,
    8: Image.Transpose.ROTATE_270,
    5: Image.Transpose.TRANSPOSE,
}
_EXIF_ORIENTATION = 0x0112

_WEBPAGE = "<!DOCTYPE html>\n<html><head><title>404 Not Found</title></head><body>{}</body></html>\n"


class Flaws(NamedTuple):
    """Which files of a sample have a flaw; a picture is known by its scene and its number.

    Attributes:
        orientations: EXIF orientation of each picture that is stored turned.
        copied: The pictures that are there twice.
        damaged: Scene and kind of each file that does not decode.
    """

    orientations: dict[tuple[str, int], int]
    copied: list[tuple[str, int]]
    damaged: list[tuple[str, Damage]]


def plan_flaws(images: int) -> Flaws:
    """Returns the flaws of a sample of about so many images, at least one of each kind.

    They go by number alone, so that a small sample has the first flaws of a large one.
    """
    scenes = list(SCENES)
    turned, copies, damaged = (max(least, round(images * share / 600)) for least, share in ((4, 12), (1, 8), (3, 5)))
    values = list(_STORED_TURNED)
    kinds: tuple[Damage, ...] = ("truncated", "webpage", "empty")
    return Flaws(
        orientations={(scenes[i % 9], 1 + i // 9): values[i % len(values)] for i in range(turned)},
        copied=[(scenes[(4 * i + 2) % 9], 2 + i // 9) for i in range(copies)],
        damaged=[(scenes[(4 * i + 6) % 9], kinds[i % 3]) for i in range(damaged)],
    )


def stored_turned(image: Image.Image, orientation: int) -> tuple[Image.Image, Image.Exif]:
    """Returns the pixels turned, and the EXIF data that makes a viewer turn them back."""
    exif = Image.Exif()
    exif[_EXIF_ORIENTATION] = orientation
    return image.transpose(_STORED_TURNED[orientation]), exif


def damaged_file(damage: Damage, name: str, jpeg: bytes) -> bytes:
    """Returns what a file called name.jpg holds instead of its JPEG; it does not decode."""
    match damage:
        case "truncated":
            return jpeg[: len(jpeg) * 2 // 5]
        case "webpage":
            return _WEBPAGE.format(f"/{name}.jpg").encode()
        case "empty":
            return b""
