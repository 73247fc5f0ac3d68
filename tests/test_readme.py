"""Every command of the README, run in the README's order."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = [line for block in re.findall(r"```sh\n(.*?)```", README, re.DOTALL) for line in block.splitlines()]
SETS_UP_A_SHELL = {". .venv/bin/activate"}
RUNS_THIS_VERY_TEST = {"make test"}
TIMEOUT_S = 900

pytestmark = [pytest.mark.slow, pytest.mark.timeout(TIMEOUT_S + 20)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a reader of the README would stand, apart from the make targets."""
    return tmp_path_factory.mktemp("a reader's folder")


def run(command: str, folder: Path) -> str:
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    where = ROOT if command.startswith("make") else folder
    result = subprocess.run(
        command, shell=True, cwd=where, env=environment, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
    )
    assert result.returncode == 0, f"{command}\n{result.stdout[-3000:]}\n{result.stderr[-3000:]}"
    return result.stdout


def docker_answers() -> bool:
    return shutil.which("docker") is not None and subprocess.call(["docker", "info"], stdout=subprocess.DEVNULL) == 0


@pytest.mark.parametrize("command", [c for c in COMMANDS if c not in SETS_UP_A_SHELL | RUNS_THIS_VERY_TEST])
def test_command_of_the_readme_works(command, folder):
    if ("docker" in command or "images build" in command) and not docker_answers():
        pytest.skip("no Docker engine answers")
    run(command, folder)


def test_make_test_runs_pytest_on_everything(folder):
    assert "-m pytest --numprocesses 2 --dist loadfile\n" in run("make --dry-run test", folder)


def test_python_of_the_readme_classifies_a_photograph(folder):
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert (folder / "runs/latest/export").is_dir(), "the last run of the README exported nothing"
    shutil.copy(folder / "photos/kitchen/kitchen_0001.jpg", folder / "photo.jpg")
    (folder / "classify.py").write_text(code)
    label, probability = run("python classify.py", folder).split()
    assert label in {path.name for path in (folder / "photos").iterdir()}
    assert 1 / 9 < float(probability) <= 1
