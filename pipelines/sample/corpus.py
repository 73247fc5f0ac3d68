"""Writes the sample: a folder of pictures for each scene, some of them with flaws."""

import io
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from numpy.random import Generator
from PIL import Image

from components._errors import InputError
from components._storage import whole_folder
from pipelines.sample.flaws import damaged_file, plan_flaws, stored_turned
from pipelines.sample.scenes import draw_picture, picture_rng

# How many pictures of each scene real listings have; only the proportions count.
SHARES = {
    "backyard": 205,
    "bathroom": 245,
    "bedroom": 400,
    "diningRoom": 29,
    "frontyard": 177,
    "hall": 31,
    "kitchen": 213,
    "livingRoom": 449,
    "plan": 34,
}
LEAST_PER_CLASS = 4

# Written last: a folder that has it is complete.
_MARKER = ".scenery-sample.json"
# Part of the marker; raised whenever the same arguments come to draw other pictures.
_EDITION = 1

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class SampleSummary:
    """What a sample holds.

    Attributes:
        classes: Number of distinct pictures that decode, by class.
        duplicates: Files whose bytes are those of another file of their class.
        corrupt: Files that do not decode.
        rotated: Those of the distinct pictures that need their EXIF orientation honoured.
    """

    classes: dict[str, int]
    duplicates: int
    corrupt: int
    rotated: int

    @property
    def files(self) -> int:
        """Number of all files."""
        return sum(self.classes.values()) + self.duplicates + self.corrupt


def write_sample(folder: Path, *, images: int = 600, seed: int = 0, progress: Progress | None = None) -> SampleSummary:
    """Writes the sample into a folder, one folder per class, all of it or nothing.

    A picture depends on the seed, its class and its number alone, so a smaller sample is
    a part of a larger one. A folder that already holds the same sample is left alone.

    Args:
        folder: Where to write; it must be missing, empty, or hold this very sample.
        images: About how many distinct pictures; every class gets at least 4.
        seed: Another seed draws other pictures.
        progress: Called with the number of files done and of all files.

    Returns:
        What the folder holds.

    Raises:
        InputError: If the folder holds something else, or images is below 1.
    """
    if images < 1:
        raise InputError(f"A sample has 1 or more images. Received: images={images}.")
    arguments = {"edition": _EDITION, "images": images, "seed": seed}
    finished = _finished(folder, arguments)
    if finished is not None:
        return finished
    with whole_folder(folder) as partial:
        summary = _write_files(partial, images, seed, progress)
        (partial / _MARKER).write_text(json.dumps({**arguments, "summary": asdict(summary)}))
    return summary


def class_counts(images: int) -> dict[str, int]:
    """Returns how many distinct pictures each class gets in a sample of about so many."""
    whole = sum(SHARES.values())
    return {name: max(LEAST_PER_CLASS, round(images * share / whole)) for name, share in SHARES.items()}


def _finished(folder: Path, arguments: dict[str, int]) -> SampleSummary | None:
    """Returns the summary of a folder that holds the sample; None for an empty or missing one."""
    if folder.exists() and not folder.is_dir():
        raise InputError(f"Expected a folder to write the sample into, found a file: {folder}. Choose another name.")
    if not folder.exists() or not any(folder.iterdir()):
        return None
    marker = folder / _MARKER
    if not marker.is_file():
        first = min(path.name for path in folder.iterdir())
        raise InputError(
            f"Expected a missing or empty folder to write the sample into, but {folder} has other "
            f"files in it, such as {first!r}. Choose another folder, or empty this one."
        )
    found = json.loads(marker.read_text())
    summary = SampleSummary(**found.pop("summary"))
    if found != arguments:
        raise InputError(
            f"Expected {folder} to hold a sample with {arguments}, found one with {found}. "
            "Delete the folder, or choose another."
        )
    return summary


def _write_files(folder: Path, images: int, seed: int, progress: Progress | None) -> SampleSummary:
    counts, flaws = class_counts(images), plan_flaws(images)
    summary = SampleSummary(
        classes=counts,
        duplicates=len(flaws.copied),
        corrupt=len(flaws.damaged),
        rotated=len(flaws.orientations),
    )
    done = 0

    def write(name: str, file: str, content: bytes) -> None:
        nonlocal done
        (folder / name / file).write_bytes(content)
        done += 1
        if progress is not None:
            progress(done, summary.files)

    for name, count in counts.items():
        (folder / name).mkdir()
        for number in range(1, count + 1):
            orientation = flaws.orientations.get((name, number))
            ending, content = _picture_file(name, number, seed, orientation)
            write(name, f"{name}_{number:04}.{ending}", content)
            if (name, number) in flaws.copied:
                write(name, f"{name}_{number:04}_copy.{ending}", content)
    for i, (name, damage) in enumerate(flaws.damaged):
        jpeg = _encoded(draw_picture(picture_rng(seed, name, 100_000 + i), name), "jpg", 80)
        stem = f"{name}_{damage}_{i + 1}"
        write(name, f"{stem}.jpg", damaged_file(damage, stem, jpeg))
    return summary


def _picture_file(name: str, number: int, seed: int, orientation: int | None) -> tuple[str, bytes]:
    """Returns the file name ending and the bytes of one picture."""
    rng = picture_rng(seed, name, number)
    image = draw_picture(rng, name)
    ending, quality = _draw_format(rng)
    if orientation is None:
        return ending, _encoded(image, ending, quality)
    turned, exif = stored_turned(image, orientation)
    return "jpg", _encoded(turned, "jpg", quality, exif)


def _draw_format(rng: Generator) -> tuple[str, int]:
    """Returns a file name ending and a quality; most files are JPEG."""
    chance, quality = rng.random(), round(rng.uniform(40, 93))
    return ("png" if chance < 0.03 else "webp" if chance < 0.07 else "jpg"), quality


def _encoded(image: Image.Image, ending: str, quality: int, exif: Image.Exif | None = None) -> bytes:
    buffer = io.BytesIO()
    match ending:
        case "png":
            image.save(buffer, "PNG", compress_level=1)
        case "webp":
            image.save(buffer, "WEBP", quality=quality, method=0)
        case _:
            image.save(buffer, "JPEG", quality=quality, exif=exif or Image.Exif())
    return buffer.getvalue()
