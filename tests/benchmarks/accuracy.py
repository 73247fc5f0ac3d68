"""What `scenery run` reaches on a folder's test images: accuracy, macro-F1 and time, one run a seed.

A seed changes everything that is random: the split, too, so that the spread is that of other test images as well.

    python -m tests.benchmarks.accuracy --data FOLDER [--preset NAME] [--seeds 0 1 2]
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean


def scores_of_run(data: Path, options: Sequence[str], seed: int) -> tuple[float, float]:
    """Runs the pipeline once and returns accuracy and macro-F1 on its test images, each in [0, 1].

    The model need not pass the decision: this is about scores.
    """
    floors = ("--set", "min_macro_f1=0", "--set", "min_recall=0")
    with tempfile.TemporaryDirectory() as folder:
        run = [sys.executable, "-m", "pipelines.cli", "run", "--data", str(data.resolve()), "--runs", folder]
        subprocess.run([*run, *options, *floors, "--set", f"seed={seed}"], check=True, stdout=subprocess.DEVNULL)
        metrics = json.loads(Path(folder, "latest", "evaluate", "metrics.json").read_text())
    return metrics["summary"]["accuracy"], metrics["summary"]["macro_f1"]


def main() -> None:
    """Prints the scores of each seed and their means."""
    flags = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    flags.add_argument("--data", type=Path, required=True, help="class folders of photographs")
    flags.add_argument("--preset", help="one of `scenery presets`")
    flags.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    options = flags.parse_args()
    preset = ("--preset", options.preset) if options.preset else ()
    scores = []
    for seed in options.seeds:
        began_s = time.perf_counter()
        scores.append(scores_of_run(options.data, preset, seed))
        accuracy, macro_f1 = scores[-1]
        print(f"seed {seed}: accuracy {accuracy:.3f}, macro-F1 {macro_f1:.3f}, {time.perf_counter() - began_s:.0f} s")
    accuracy, macro_f1 = (fmean(column) for column in zip(*scores, strict=True))
    print(f"mean of {len(scores)}: accuracy {accuracy:.3f}, macro-F1 {macro_f1:.3f}")


if __name__ == "__main__":
    main()
