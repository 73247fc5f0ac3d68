"""What ingest takes of memory: the whole step and its decoders, at two numbers of images, and what each image adds.

Each run is the step itself, as a container runs it, on pictures of 32 pixels made beforehand: memory that grows with
the number of images shows, and that of large images does not (`decoding.py` has those). Twenty times a second its
processes are asked for their proportional set size (PSS: memory that several share counts once), and in the end
the step for the most that was resident in it (RSS).

    python -m tests.benchmarks.ingest_memory [--images 20000 100000] [--work FOLDER]
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import simplejpeg

CLASSES = 10
SIDE_PX = 32
LISTING_IMAGES = 20  # of one listing: the group's key
SAMPLES_PER_S = 20


def write_images(folder: Path, first: int, last: int) -> None:
    """Writes pictures number `first` to `last - 1`, no two alike, in class folders."""
    for label in range(CLASSES):
        (folder / f"class {label}").mkdir(parents=True, exist_ok=True)
    for number in range(first, last):
        blotches = np.random.default_rng(number).integers(0, 256, (8, 8, 3), dtype=np.uint8)
        pixels = np.ascontiguousarray(np.repeat(np.repeat(blotches, SIDE_PX // 8, 0), SIDE_PX // 8, 1))
        file = folder / f"class {number % CLASSES}" / f"listing-{number // LISTING_IMAGES:07d} {number:08d}.jpg"
        file.write_bytes(simplejpeg.encode_jpeg(pixels, quality=80))


def measure(source: Path, images: int, work: Path) -> dict[str, float]:
    """Runs the step and watches its memory."""
    command = [sys.executable, "-m", "components.ingest", "--source", str(source), "--images", str(work / "images")]
    command += ["--report", str(work / "report"), "--group-pattern", r"listing-(\d+)"]
    began_s = time.monotonic()
    step = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    pss_bytes, rss_bytes = 0, 0
    while step.poll() is None:
        pss_bytes = max(pss_bytes, sum(map(_pss_bytes, _with_children(step.pid))))
        rss_bytes = max(rss_bytes, _field_bytes(Path(f"/proc/{step.pid}/status"), "VmHWM:"))
        time.sleep(1 / SAMPLES_PER_S)
    if step.returncode:
        raise subprocess.CalledProcessError(step.returncode, command)
    shutil.rmtree(work / "images")
    return {"images": images, "pss_mb": pss_bytes / 1e6, "rss_of_parent_mb": rss_bytes / 1e6,
            "s": time.monotonic() - began_s}  # fmt: skip


def _with_children(process: int) -> list[int]:
    try:
        children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    except OSError:  # it has ended
        return []
    return [process, *map(int, children)]


def _pss_bytes(process: int) -> int:
    return _field_bytes(Path(f"/proc/{process}/smaps_rollup"), "Pss:")


def _field_bytes(file: Path, field: str) -> int:
    try:
        lines = file.read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(field)), 0)


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, nargs="+", default=[20_000, 100_000], help="rising numbers")
    parser.add_argument("--work", type=Path, help="an existing folder on a disk with room")
    arguments = parser.parse_args()
    work = Path(tempfile.mkdtemp(prefix="scenery-bench-", dir=arguments.work))
    runs, written = [], 0
    for images in arguments.images:
        write_images(work / "source", written, images)
        written = images
        runs.append(measure(work / "source", images, work))
        print(json.dumps(runs[-1]), flush=True)
    for name in ("pss_mb", "rss_of_parent_mb"):
        slope, intercept = np.polyfit([run["images"] for run in runs], [run[name] for run in runs], 1)
        growth = {"bytes_an_image": slope * 1e6, "at_a_million": intercept + slope * 1e6}
        print(json.dumps({name: growth}), flush=True)
    shutil.rmtree(work)


if __name__ == "__main__":
    main()
