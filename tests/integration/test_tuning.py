"""Tuning as it is lived with: killed, told to end, shared by several processes, and from the command line."""

import csv
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import optuna
import pytest
from optuna.trial import TrialState

from components.tune.study import open_storage
from pipelines.parameters import resolve

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

BASE = {"image_size_px": 32, "batch_size": 8, "head_views": 1, "head_epochs": 3, "finetune_epochs": 0}
LONG = json.dumps(BASE | {"head_epochs": 500, "patience": 500})  # no trial ends while a test looks
SEARCH = ["dropout", "head_learning_rate"]
POSTGRESQL = next(iter(sorted(Path("/usr/lib/postgresql").glob("*/bin"))), None)
NOBODY = 65534


def command_of(datasets: Path, out: Path, **flags: object) -> list[str]:
    given = {"base": json.dumps(BASE), "search": json.dumps(SEARCH), "lost_after_s": 3, "pruner": "none"} | flags
    command = [sys.executable, "-u", "-m", "components.tune", "--train", datasets / "train"]
    command += ["--validation", datasets / "validation", "--study", out / "study"]
    command += ["--best", out / "best", "--report", out / "report"]
    command += [word for name, value in given.items() for word in (f"--{name.replace('_', '-')}", value)]
    return [str(word) for word in command]


def rows_of(out: Path) -> list[dict[str, str]]:
    with (out / "study" / "trials.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def wait_for(process: subprocess.Popen[str], words: str) -> None:
    """Reads what a process prints until it holds the words."""
    assert process.stdout is not None
    for line in process.stdout:
        if words in line:
            return
    raise AssertionError(f"ended without {words!r}: {process.communicate()[1][-2000:]}")


def end(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def test_killed_it_goes_on_with_the_same_trials(datasets, tmp_path, start):
    command = command_of(datasets, tmp_path, trials=4)
    process = start(command, tmp_path)
    wait_for(process, "tune: trial 1: epoch 1")
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert not (tmp_path / "study").exists()

    said = end(command)
    rows = rows_of(tmp_path)
    numbers = [int(row["trial"]) for row in rows]
    assert [row["state"] for row in rows] == ["complete"] * 4
    assert 0 in numbers
    assert 1 not in numbers  # it comes again under another number, with the same values
    assert "tune: trial 0: " not in said
    assert len({row["dropout"] for row in rows}) == 4


def test_told_to_end_it_says_so_and_hands_its_trial_back(datasets, tmp_path, start):
    command = command_of(datasets, tmp_path, trials=2, lost_after_s=3600)
    process = start(command, tmp_path)
    wait_for(process, "tune: trial 1: epoch 1")
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 143
    assert "tune: told to end (SIGTERM). Trials that have ended are kept" in errors
    assert "Traceback" not in errors

    end(command)  # without waiting for an hour: the trial was handed back
    assert [row["state"] for row in rows_of(tmp_path)] == ["complete"] * 2


@pytest.fixture
def postgresql(tmp_path) -> Iterator[str]:
    """The URL of a database of a server of its own."""
    if POSTGRESQL is None:
        pytest.skip("no PostgreSQL in /usr/lib/postgresql")
    folder, user = Path("/tmp") / f"scenery-postgresql-{os.getpid()}", {}
    folder.mkdir()
    if os.getuid() == 0:  # the server refuses to run as root
        shutil.chown(folder, NOBODY, NOBODY)
        user = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
    options = f"-k {folder} -c listen_addresses='' -c fsync=off"

    def run(program: str, *words: object) -> None:
        command = [str(word) for word in (POSTGRESQL / program, "-D", folder / "data", *words)]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        subprocess.run(command, check=True, cwd="/", **quiet, **user)

    run("initdb", "-U", "scenery", "-A", "trust")
    run("pg_ctl", "-o", options, "-w", "start")
    try:
        yield f"postgresql+psycopg://scenery@/postgres?host={folder}"
    finally:
        run("pg_ctl", "-m", "immediate", "stop")
        shutil.rmtree(folder)


def share(datasets: Path, tmp_path: Path, storage: str, start) -> None:
    """Two processes that know nothing of each other but the storage."""
    outs = [tmp_path / "first", tmp_path / "second"]
    flags = {"trials": 7, "storage": storage}
    processes = [start(command_of(datasets, out, worker=i, **flags), tmp_path) for i, out in enumerate(outs)]
    for process in processes:
        _, errors = process.communicate(timeout=600)
        assert process.returncode == 0, errors[-3000:]
    first, second = (rows_of(out) for out in outs)
    assert first == second  # each ends when the study does
    assert [row["state"] for row in first] == ["complete"] * 7
    assert len({(row["dropout"], row["head_learning_rate"]) for row in first}) == 7


def test_two_processes_share_a_study_in_sqlite(datasets, tmp_path, start):
    share(datasets, tmp_path, f"sqlite:///{tmp_path}/studies.db", start)


def test_two_processes_share_a_study_in_postgresql(datasets, tmp_path, start, postgresql):
    share(datasets, tmp_path, postgresql, start)


def test_one_step_shares_its_trials_among_workers(datasets, tmp_path):
    said = end(command_of(datasets, tmp_path, trials=5, workers=2))
    assert len(rows_of(tmp_path)) == 5
    assert len(re.findall(r"^tune: \d/5: trial", said, re.MULTILINE)) == 5
    assert not list(tmp_path.rglob("features-*"))


def children_of(process: subprocess.Popen[str]) -> list[int]:
    return [int(pid) for pid in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()]


def runs(pid: int) -> bool:
    """Returns whether a process is there, other than as a zombie that nobody has asked after."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def test_no_worker_outlives_a_killed_step_and_trials_are_handed_back(datasets, tmp_path, start):
    process = start(command_of(datasets, tmp_path, trials=50, workers=2, lost_after_s=3600, base=LONG), tmp_path)
    wait_for(process, "trial 1: epoch 1")
    workers = children_of(process)
    assert len(workers) == 2
    process.send_signal(signal.SIGKILL)
    process.wait()
    deadline_s = time.monotonic() + 60
    while any(runs(worker) for worker in workers):
        assert time.monotonic() < deadline_s, "a worker outlived the step"
        time.sleep(0.1)
    database = tmp_path / ".study.work" / "studies.db"
    [study] = optuna.get_all_study_summaries(f"sqlite:///{database}")
    trials = optuna.load_study(study_name=study.study_name, storage=f"sqlite:///{database}").trials
    assert TrialState.RUNNING not in {trial.state for trial in trials}
    assert TrialState.WAITING in {trial.state for trial in trials}


def test_lost_workers_leave_what_they_have_found(datasets, tmp_path, start):
    process = start(command_of(datasets, tmp_path, trials=50, workers=2), tmp_path)
    wait_for(process, "1/50: trial ")
    for worker in children_of(process):
        os.kill(worker, signal.SIGKILL)
    said, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors[-3000:]
    for number in range(2):
        assert f"tune: worker {number} ended with exit status 137; trials that ended are kept" in said
    assert "complete" in {row["state"] for row in rows_of(tmp_path)}
    assert (tmp_path / "best.yaml").exists()


def test_without_a_complete_trial_a_lost_worker_fails_the_step(datasets, tmp_path, start):
    process = start(command_of(datasets, tmp_path, trials=50, workers=2, base=LONG), tmp_path)
    wait_for(process, "epoch 1,")
    for worker in children_of(process):
        os.kill(worker, signal.SIGKILL)
    process.communicate(timeout=60)
    assert process.returncode == 137
    assert not (tmp_path / "best.yaml").exists()


def scenery(*words: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pipelines.cli", *map(str, words)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=600, check=False)


def test_scenery_tune_finds_parameters_that_scenery_run_takes(sample, tmp_path):
    settings = [word for name, value in BASE.items() for word in ("--set", f"{name}={value}")]
    words = ["tune", "--data", sample, "--search", "dropout", *settings, "--set", "shorter_side_px=64"]
    done = scenery(*words, "--trials", 2, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    next_command = done.stdout.splitlines()[-1]
    preset = re.search(r"scenery run --data .+ --preset (runs/\S+/best\.yaml)$", next_command)
    assert preset, next_command
    parameters = resolve(str(tmp_path / preset[1]))
    assert (parameters.head_epochs, parameters.shorter_side_px) == (3, 64)
    assert "2/2: trial 1: macro-F1 0." in done.stdout

    again = scenery(*words, "--trials", 3, cwd=tmp_path)
    assert again.returncode == 0, again.stdout + again.stderr
    assert re.findall(r"(\w+) \| unchanged since an earlier run", again.stdout) == ["ingest", "split"]
    assert "3/3: trial 2: macro-F1 0." in again.stdout
    assert "trial 1: epoch" not in again.stdout
    storage = open_storage(f"sqlite:///{tmp_path}/runs/studies.db")
    assert len(storage.get_all_studies()) == 1


def test_ctrl_c_ends_it_and_says_how_to_go_on(sample, tmp_path, start):
    settings = [word for name, value in BASE.items() for word in ("--set", f"{name}={value}")]
    words = ["tune", "--data", str(sample), "--search", "dropout", *settings, "--set", "shorter_side_px=64"]
    process = start([sys.executable, "-m", "pipelines.cli", *words, "--trials", "50"], tmp_path)
    wait_for(process, "trial 0: epoch 1")
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "The trials so far are kept; the same command goes on from there." in output
    assert errors.endswith("stopped; nothing is left running\n")
