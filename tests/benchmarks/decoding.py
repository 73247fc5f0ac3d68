"""How fast ingest decodes JPEG photographs, between what is possible and what is usual; and the memory it takes.

Peers, on the same files with as many processes, all started before the clock:
- limit: what no decoder can leave away. libjpeg-turbo reads each file at an eighth of its size and in grey only: it
  parses and entropy-decodes every coefficient, but computes no transform beyond the mean of each luma block.
- usual: Pillow decodes in full, turns, scales with a Lanczos filter; then hash, quality signals and JPEG as ingest's.

The similarity is that of ingest's luma to that of the usual way, before either is encoded.

    python -m tests.benchmarks.decoding [--photos FOLDER] [--repeats 3]
"""

import argparse
import importlib
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from itertools import cycle, islice
from multiprocessing import get_context
from pathlib import Path
from statistics import mean

import cv2
import numpy as np
import simplejpeg
from PIL import Image, ImageOps

from components._processors import processors
from components.formats import pixels
from components.formats.shrinking import scaled_size
from components.ingest.decode.images import decode_images
from components.ingest.decode.perceptual_hash import perceptual_hash
from components.ingest.decode.planes import encode_jpeg, planes
from components.ingest.decode.quality import quality
from components.ingest.parameters import IngestParameters
from components.ingest.source.files import local_file
from components.ingest.source.listing import SourceImage
from tests.benchmarks.timing import median_seconds

SHORTER_SIDE_PX = 256
# Name: width, height, grain (so that there are as many bytes a pixel as cameras and web sites write), images to decode.
SIZES = {
    "12 MP": (4032, 3024, 6.0, 96),
    "2 MP": (1632, 1224, 5.0, 480),
    "0.2 MP": (547, 365, 3.0, 2400),
}
JPEG_QUALITY = 88
PICTURES = 6
WARM_UP = 32


def photo_like(seed: int) -> np.ndarray:
    """Draws what has the statistics of a photograph: 1/f noise, and edges at all scales."""
    rng = np.random.default_rng(seed)
    picture = np.full((1200, 1600, 3), 128, np.float32)
    for octave in range(2, 9):
        coarse = rng.normal(0, 90 / octave, (3 * 2**octave // 4, 2**octave, 3)).astype(np.float32)
        picture += cv2.resize(coarse, (1600, 1200), interpolation=cv2.INTER_CUBIC)
    for _ in range(60):
        centre = rng.integers(0, (1600, 1200)).tolist()
        axes = (rng.exponential(100, 2) + 2).astype(int).tolist()
        mask = cv2.ellipse(np.zeros((1200, 1600), np.uint8), centre, axes, rng.uniform(0, 180), 0, 360, 1, -1)
        picture[mask > 0] += rng.normal(0, 25, 3)
    return picture.clip(0, 255).astype(np.uint8)


def grainy(picture: np.ndarray, width_px: int, height_px: int, deviation: float) -> np.ndarray:
    """Scales a picture, with a sensor's grain in place of the detail that it lacks."""
    scaled = cv2.resize(picture, (width_px, height_px), interpolation=cv2.INTER_CUBIC)
    grain = cv2.randn(np.empty((height_px, width_px, 1), np.int16), 0, deviation)
    return (scaled + grain.reshape(height_px, width_px, 1)).clip(0, 255).astype(np.uint8)


def make_files(folder: Path, photos: Path | None) -> dict[str, list[Path]]:
    """Writes the pictures to decode, by size."""
    large = sorted(file for file in photos.rglob("*.*") if _shorter_px(file) >= 1000)[:PICTURES] if photos else []
    originals = [np.asarray(Image.open(file).convert("RGB")) for file in large] or map(photo_like, range(PICTURES))
    made: dict[str, list[Path]] = {}
    for number, original in enumerate(originals):
        for name, (width_px, height_px, grain, _) in SIZES.items():
            file = folder / f"{name.replace(' ', '')}-{number}.jpg"
            Image.fromarray(grainy(original, width_px, height_px, grain)).save(file, quality=JPEG_QUALITY)
            made.setdefault(name, []).append(file)
    return made


def _shorter_px(file: Path) -> int:
    with Image.open(file) as image:
        return min(image.size)


def source(files: Sequence[Path], count: int) -> list[SourceImage]:
    return [SourceImage(str(file), "class", None, local_file(file)) for file in islice(cycle(files), count)]


def ingest_s(files: Sequence[Path], count: int, workers: int) -> float:
    """Returns how long ingest takes for `count` images once its processes run."""
    results = decode_images(source(files, count + WARM_UP), IngestParameters(), files[0].parent, workers)
    stored = sum(isinstance(result, tuple) for result in islice(results, WARM_UP))
    began_s = time.perf_counter()
    stored += sum(isinstance(result, tuple) for result in results)
    if stored != count + WARM_UP:
        raise RuntimeError(f"{count + WARM_UP - stored} images were rejected")
    return time.perf_counter() - began_s


def entropy_decode(file: Path) -> None:
    data = file.read_bytes()
    height_px, width_px, _, _ = simplejpeg.decode_jpeg_header(data)
    simplejpeg.decode_jpeg(data, "GRAY", min_height=height_px // 8, min_width=width_px // 8)


def store_as_usual(file: Path) -> bytes:
    cv2.setNumThreads(1)
    with Image.open(file) as image:
        upright = ImageOps.exif_transpose(image)
        size = scaled_size(upright.size, SHORTER_SIDE_PX)
        rgb = np.asarray(upright.resize(size, Image.Resampling.LANCZOS))
    scaled = planes(rgb, SHORTER_SIDE_PX)
    quality(scaled.luma, image.size)
    perceptual_hash(scaled.luma)
    return encode_jpeg(scaled)


class Peers:
    """Processes that run a peer's work on one file at a time."""

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self._pool = ProcessPoolExecutor(workers, get_context("spawn"))

    def seconds(self, work: Callable[[Path], object], files: Sequence[Path], count: int) -> float:
        """Returns how long the work takes on `count` files once the processes run."""
        batch = max(1, count // (8 * self.workers))
        list(self._pool.map(_without_result, [(work, files[:1])] * self.workers * 2))
        batches = [(work, list(islice(cycle(files), batch)))] * (count // batch)
        began_s = time.perf_counter()
        list(self._pool.map(_without_result, batches))
        return (time.perf_counter() - began_s) * count / (batch * len(batches))


def _without_result(batch: tuple[Callable[[Path], object], Sequence[Path]]) -> None:
    work, files = batch
    for file in files:
        work(file)


def speeds(files: Sequence[Path], count: int, repeats: int) -> dict[str, float]:
    """Measures one size of pictures.

    Returns:
        Images a second of each peer, and the ratios.
    """
    workers = processors()
    peers, few = Peers(workers), max(24, count // 8)
    seconds = median_seconds(
        {
            "limit": lambda: peers.seconds(entropy_decode, files, count),
            "ingest": lambda: ingest_s(files, count, workers),
            "ingest, one process": lambda: ingest_s(files, count // 2, 1) * 2,
            "usual": lambda: peers.seconds(store_as_usual, files, few) * count / few,
        },
        repeats,
    )
    rates = {f"{name}, images/s": count / taken for name, taken in seconds.items()}
    return rates | {
        "of the limit": seconds["limit"] / seconds["ingest"],
        "times the usual": seconds["usual"] / seconds["ingest"],
        f"speed-up by {workers} processes": seconds["ingest, one process"] / seconds["ingest"],
    }


def similarity(files: Sequence[Path]) -> list[float]:
    """Returns the SSIM of the luma that ingest stores against a full decode and a Lanczos filter, for each file."""
    return [ssim(_luma(file), cv2.cvtColor(_full_decode(file), cv2.COLOR_RGB2GRAY)) for file in files]


def _luma(file: Path) -> np.ndarray:
    data = file.read_bytes()
    decoded = pixels.decode_opened(pixels.read_header(data), data, SHORTER_SIDE_PX)
    return planes(decoded.pixels, SHORTER_SIDE_PX, decoded.size_px).luma


def _full_decode(file: Path) -> np.ndarray:
    with Image.open(file) as image:
        size = scaled_size(image.size, SHORTER_SIDE_PX)
        return np.asarray(image.resize(size, Image.Resampling.LANCZOS))


def ssim(one: np.ndarray, other: np.ndarray) -> float:
    """Computes the structural similarity of two pictures' luma (Wang et al. 2004, section III.B and C)."""
    x, y = one.astype(np.float64), other.astype(np.float64)
    mean_x, mean_y, mean_xx, mean_yy, mean_xy = (
        cv2.GaussianBlur(values, (11, 11), 1.5) for values in (x, y, x * x, y * y, x * y)
    )
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    luminance = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
    covariance, variance = mean_xy - mean_x * mean_y, mean_xx - mean_x**2 + mean_yy - mean_y**2
    return float((luminance * (2 * covariance + c2) / (variance + c2))[5:-5, 5:-5].mean())


def peak_memory_mb(folder: Path) -> dict[str, float]:
    """Ingests what takes much memory in a process of its own, with the step's libraries, and watches all of them."""
    picture = Image.fromarray(photo_like(0)).resize((8064, 6048))  # 48 megapixels
    for number, (suffix, options) in enumerate(
        [("png", {"compress_level": 1}), ("heic", {"quality": 50}), ("jpg", {"progressive": True})] * 2
    ):
        picture.save(folder / f"{number}.{suffix}", **options)
    command = [sys.executable, "-m", "tests.benchmarks.decoding", "--only-ingest", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        peaks = {"RSS": 0.0, "PSS": 0.0}
        while process.poll() is None:
            for name, value in family_memory_mb(process.pid).items():
                peaks[name] = max(peaks[name], value)
            time.sleep(0.02)
    if process.returncode:
        raise RuntimeError(f"ingest ended with {process.returncode}")
    return peaks


def family_memory_mb(pid: int) -> dict[str, float]:
    """Returns the memory of a process and of all that it started; pages they share count once in the second figure."""
    sums = {"RSS": 0.0, "PSS": 0.0}
    family = [pid]
    for member in family:
        with suppress(OSError):  # it has ended
            family += map(int, Path(f"/proc/{member}/task/{member}/children").read_text().split())
            for line in Path(f"/proc/{member}/smaps_rollup").read_text().splitlines():
                name = line.partition(":")[0].upper()
                if name in sums:
                    sums[name] += int(line.split()[1]) / 1000
    return sums


def only_ingest(folder: Path) -> None:
    """Decodes a folder as the step does, to be watched from outside."""
    importlib.import_module("components.ingest.image_dataset")
    files = sorted(folder.iterdir())
    results = list(decode_images(source(files, len(files)), IngestParameters(), folder))
    if rejected := [result for result in results if not isinstance(result, tuple)]:
        raise RuntimeError(str(rejected))


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--photos", type=Path, help="folder of photographs; by default pictures like photographs")
    parser.add_argument("--only-ingest", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.only_ingest:
        only_ingest(arguments.only_ingest)
        return
    with tempfile.TemporaryDirectory(prefix="scenery-bench-") as folder:
        files = make_files(Path(folder), arguments.photos)
        figures = {name: speeds(files[name], count, arguments.repeats) for name, (*_, count) in SIZES.items()}
        for name, row in figures.items():
            similarities = similarity(files[name])
            row |= {"mean SSIM": mean(similarities), "lowest SSIM": min(similarities)}
        (Path(folder) / "large").mkdir()
        memory_mb = peak_memory_mb(Path(folder) / "large")
    for row in figures["12 MP"]:
        print(f"{row:32}" + "".join(f"{figures[name][row]:12.3g}" for name in SIZES))
    print(json.dumps(figures | {"peak memory, MB": memory_mb}, indent=2))


if __name__ == "__main__":
    main()
