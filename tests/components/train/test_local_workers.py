"""What several processes on one machine are given; that they train together is in tests/integration.

No GPU is needed: what counts is the environment from which TensorFlow reads which ones it may have.
"""

import json

import pytest

from components.train.local_workers import LocalWorker, local_workers, share_of_gpus, visible_gpus

MODULE = """
import json, os, sys
names = ("CUDA_VISIBLE_DEVICES", "TF_FORCE_GPU_ALLOW_GROWTH")
with open(sys.argv[1], "w") as file:
    json.dump({name: os.environ.get(name) for name in names} | {"cores": sorted(os.sched_getaffinity(0))}, file)
"""


@pytest.fixture
def given(tmp_path):
    """Starts workers that write down what they were given."""
    (tmp_path / "writes_down.py").write_text(MODULE)

    def run(workers: int, first: int = 0) -> list[dict[str, str | None]]:
        files = [tmp_path / f"{number}.json" for number in range(workers)]
        path = {"PYTHONPATH": str(tmp_path)}
        each = [LocalWorker("writes_down", [str(file)], path) for file in files]
        with local_workers("train", each, first) as processes:
            assert [process.wait(60) for process in processes] == [0] * workers
        return [json.loads(file.read_text()) for file in files]

    return run


@pytest.mark.parametrize(
    ("gpus", "first", "expected"),
    [
        ("0,1", 0, ["0", "1", "0"]),
        ("GPU-a, GPU-b,GPU-c", 2, ["GPU-c", "GPU-a", "GPU-b"]),
        ("3", 0, ["3", "3", "3"]),
    ],
)
def test_workers_take_turns_with_gpus_and_no_more_memory_than_they_need(given, monkeypatch, gpus, first, expected):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", gpus)
    found = given(3, first)
    assert [each["CUDA_VISIBLE_DEVICES"] for each in found] == expected
    assert {each["TF_FORCE_GPU_ALLOW_GROWTH"] for each in found} == {"true"}


def test_where_gpus_are_hidden_they_stay_hidden(given, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    assert {each["CUDA_VISIBLE_DEVICES"] for each in given(2)} == {"-1"}


@pytest.mark.parametrize(
    ("visible", "gpus"),
    [("0,2", ["0", "2"]), ("", []), ("-1", []), ("1,-1,0", ["1"]), ("NoDevFiles", []), ("MIG-a", ["MIG-a"])],
)
def test_what_is_visible_is_dealt_out(visible, gpus, tmp_path):
    (tmp_path / "nvidia0").touch()
    assert visible_gpus({"CUDA_VISIBLE_DEVICES": visible}, tmp_path) == gpus


@pytest.mark.parametrize(
    ("devices", "gpus"), [([], []), (["nvidia0", "nvidia7", "nvidiactl", "nvidia-uvm"], ["0", "1"])]
)
def test_gpus_are_counted_where_none_are_named(devices, gpus, tmp_path):
    """A container numbers its own from 0, whatever the machine's numbers are."""
    for name in devices:
        (tmp_path / name).touch()
    assert visible_gpus({}, tmp_path) == gpus


def test_without_gpus_none_is_named():
    assert "CUDA_VISIBLE_DEVICES" not in share_of_gpus(1, [])
