"""What a chained run costs beyond its steps' own work.

The peer is the same five steps, called one after the other in one process that loads each library once:
what a script without a pipeline would take. Both sides work on the sample data with default parameters,
taking turns, and the medians are compared.

    python -m tests.benchmarks.chain [--repeats 3] [--data FOLDER]
"""

import argparse
import json
import runpy
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

STEPS = ("ingest", "split", "train", "evaluate", "export")


def chained_s(data: Path, work: Path) -> float:
    """Runs `scenery run` and returns its wall time."""
    began_s = time.monotonic()
    command = [sys.executable, "-m", "pipelines.cli", "run", "--data", str(data), "--runs", str(work / "runs")]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - began_s


def one_process_s(data: Path, work: Path) -> float:
    """Runs the same steps in one fresh process and returns its wall time."""
    began_s = time.monotonic()
    command = [sys.executable, "-m", "tests.benchmarks.chain", "--steps-in-one-process", str(work)]
    subprocess.run([*command, "--data", str(data)], check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - began_s


def run_steps_here(data: Path, work: Path) -> None:
    """Calls each step's program with the flags that the pipeline gives it by default."""
    out = work / "one-process"
    flags = {
        "ingest": {"source": data, "images": out / "images", "report": out / "ingest"},
        "split": {
            **{name: out / name for name in ("images", "train", "validation", "test", "ledger")},
            "report": out / "split",
        },
        "train": {
            **{name: out / name for name in ("train", "validation", "model", "history", "tensorboard")},
            "report": out / "training",
        },
        "evaluate": {
            name: out / name for name in ("model", "test", "metrics", "confusion", "predictions", "report", "decision")
        },
        "export": {name: out / name for name in ("model", "test", "saved-model", "tflite", "parity")},
    }
    for step in STEPS:
        sys.argv = [step, *(word for name, value in flags[step].items() for word in (f"--{name}", str(value)))]
        runpy.run_module(f"components.{step}", run_name="__main__")


def main() -> None:
    """Measures both sides in turn and prints the ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--steps-in-one-process", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.steps_in_one_process:
        run_steps_here(arguments.data, arguments.steps_in_one_process)
        return
    work = Path(tempfile.mkdtemp(prefix="scenery-bench-"))
    data = arguments.data or work / "sample"
    if not arguments.data:
        subprocess.run([sys.executable, "-m", "pipelines.cli", "sample", str(data)], check=True)
    chained, alone = [], []
    for _ in range(arguments.repeats):
        alone.append(one_process_s(data, work))
        chained.append(chained_s(data, work))
        print(f"one process {alone[-1]:.1f} s, chained {chained[-1]:.1f} s", flush=True)
    medians = {"one_process_s": statistics.median(alone), "chained_s": statistics.median(chained)}
    print(json.dumps(medians | {"chained_over_one_process": medians["chained_s"] / medians["one_process_s"]}, indent=2))
    shutil.rmtree(work)


if __name__ == "__main__":
    main()
