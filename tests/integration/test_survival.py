"""What ingest and split leave behind when they are killed, or when the disk is full."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from components.formats.dataset import MANIFEST, read_dataset

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

KILLS = 20
OUTPUTS = {"ingest": ("images", "report"), "split": ("train", "validation", "test", "ledger", "report")}
KINDS = {"images": "images", "train": "examples", "validation": "examples", "test": "examples"}
# The ledger holds the date of the run.
ENVIRONMENT = os.environ | {"SOURCE_DATE_EPOCH": "1700000000"}

FULL_DISK = """
mount -t tmpfs -o size={size} none '{disk}' || exit 99
{command}
status=$?
find '{disk}' -mindepth 1
exit $status
"""


def command_of(step: str, inputs: dict[str, Path | str], out: Path) -> list[str]:
    given = {f"--{name}": value for name, value in inputs.items()} | {f"--{name}": out / name for name in OUTPUTS[step]}
    return [sys.executable, "-m", f"components.{step}", *(str(word) for pair in given.items() for word in pair)]


def tree(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def run_to_the_end(command: list[str]) -> float:
    """Returns its wall time."""
    began_s = time.monotonic()
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return time.monotonic() - began_s


def kill_after(command: list[str], seconds: float) -> None:
    with subprocess.Popen(command, env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        time.sleep(seconds)
        process.send_signal(signal.SIGKILL)


def check_only_whole_outputs(out: Path, undisturbed: dict[str, bytes]) -> None:
    """What stands under a final name is what an undisturbed run would have put there."""
    for name, kind in KINDS.items():
        if (out / name).exists():
            read_dataset(out / name, kind)
    for file, content in tree(out).items():
        if not file.startswith("."):
            assert content == undisturbed[file], f"{file} is visible and not whole"


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("survival")


@pytest.fixture(scope="module")
def images(work, sample) -> Path:
    """The sample, ingested without being disturbed."""
    run_to_the_end(command_of("ingest", {"source": sample}, work / "ingested"))
    return work / "ingested" / "images"


@pytest.mark.parametrize("step", ["ingest", "split"])
def test_killed_at_any_instant_it_leaves_nothing_half_done_and_repeats_itself(step, work, sample, images):
    inputs = {"ingest": {"source": sample}, "split": {"images": images}}[step]
    run_to_the_end(command_of(step, inputs, work / step))
    undisturbed = tree(work / step)
    again_s = run_to_the_end(command_of(step, inputs, work / f"{step} again"))
    assert tree(work / f"{step} again") == undisturbed
    instants_s = [random.Random(number).uniform(0, again_s) for number in range(KILLS)]
    for number, instant_s in enumerate(instants_s):
        out = work / f"{step} killed {number}"
        kill_after(command_of(step, inputs, out), instant_s)
        if out.exists():
            check_only_whole_outputs(out, undisturbed)
        run_to_the_end(command_of(step, inputs, out))
        assert tree(out) == undisturbed, f"killed after {instant_s:.3f} s, it did not repeat itself"
        shutil.rmtree(out)


def test_killed_split_with_a_ledger_repeats_itself(work, images):
    """The ledger is replaced in the middle of the run; whether before or after the kill must not show."""

    def command(name):
        return command_of("split", {"images": images, "ledger-uri": work / f"{name}.parquet"}, work / name)

    whole_s = run_to_the_end(command("ledger"))
    for number in range(KILLS // 2):
        name = f"ledger killed {number}"
        kill_after(command(name), random.Random(number).uniform(whole_s / 3, whole_s))
        run_to_the_end(command(name))
        assert tree(work / name) == tree(work / "ledger")
        assert (work / f"{name}.parquet").read_bytes() == (work / "ledger.parquet").read_bytes()


def test_no_worker_outlives_a_killed_ingest(work, sample):
    command = command_of("ingest", {"source": sample}, work / "orphans")
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
        deadline = time.monotonic() + 60
        while len(session_of(process.pid)) < 3 and time.monotonic() < deadline:
            time.sleep(0.01)
        process.kill()
    deadline = time.monotonic() + 20
    while session_of(process.pid) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert session_of(process.pid) == []


def session_of(leader: int) -> list[int]:
    """Processes that one started, and what those started: they share its session."""
    members = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it ended meanwhile
            members += [int(process.name)] * (os.getsid(int(process.name)) == leader)
    return members


@pytest.mark.parametrize("step", ["ingest", "split"])
@pytest.mark.parametrize("size", ["64k", "300k"])
def test_a_full_disk_is_a_clear_error_and_leaves_nothing_that_looks_finished(step, size, tmp_path, sample, images):
    if shutil.which("unshare") is None or subprocess.call(["unshare", "--map-root-user", "--mount", "true"]):
        pytest.skip("mounting a small disk takes user namespaces, which this machine does not allow")
    disk = tmp_path / "disk"
    disk.mkdir()
    inputs = {"ingest": {"source": sample}, "split": {"images": images}}[step]
    command = " ".join(f"'{word}'" for word in command_of(step, inputs, disk))
    script = FULL_DISK.format(size=size, disk=disk, command=command)
    done = subprocess.run(
        ["unshare", "--map-root-user", "--mount", "sh", "-c", script],
        env=ENVIRONMENT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2, done.stdout + done.stderr
    assert done.stderr.startswith("error: expected room for the step's outputs, found the disk full"), done.stderr
    assert MANIFEST not in done.stdout
    assert "report" not in done.stdout
