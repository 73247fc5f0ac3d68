"""What Linux tells of memory, from this process and from folders made up like the system's."""

import resource
import subprocess
import sys
from pathlib import Path

import pytest

from components.train.memory import available_bytes, forget_peak, taken_bytes

KB, MB, GB = 1 << 10, 1 << 20, 1 << 30


@pytest.fixture
def system(tmp_path) -> tuple[Path, Path]:
    """A machine with 8 GB left; a process in group /pod/step of version 2."""
    proc, groups = tmp_path / "proc", tmp_path / "cgroup"
    (proc / "self").mkdir(parents=True)
    (proc / "meminfo").write_text(f"MemTotal: {16 * GB // KB} kB\nMemAvailable:   {8 * GB // KB} kB\n")
    (proc / "self" / "status").write_text(f"VmHWM:\t  {2 * GB // KB} kB\nVmSize:\t {3 * GB // KB} kB\n")
    (proc / "self" / "cgroup").write_text("0::/pod/step\n")
    (groups / "pod" / "step").mkdir(parents=True)
    return proc, groups


def limit(group: Path, names: tuple[str, str], most: int | str, use: int, cached: str = "") -> None:
    group.mkdir(parents=True, exist_ok=True)
    for name, content in zip(names, (most, use), strict=True):
        (group / name).write_text(f"{content}\n")
    (group / "memory.stat").write_text(f"anon 1\n{cached}\n")


V2, V1 = ("memory.max", "memory.current"), ("memory.limit_in_bytes", "memory.usage_in_bytes")


def test_the_machine_alone(system):
    assert available_bytes(*system) == 8 * GB


def test_a_container_allows_less(system):
    limit(system[1] / "pod" / "step", V2, 4 * GB, 3 * GB)
    assert available_bytes(*system) == GB


def test_cached_files_give_way(system):
    limit(system[1] / "pod" / "step", V2, 4 * GB, 3 * GB, f"inactive_file {GB}\nactive_file {GB}")
    assert available_bytes(*system) == 3 * GB


def test_the_group_above_counts_too(system):
    limit(system[1] / "pod" / "step", V2, "max", 3 * GB)
    limit(system[1] / "pod", V2, 5 * GB, 3 * GB)
    assert available_bytes(*system) == 2 * GB


def test_inside_a_container_the_own_group_is_the_root(system):
    (system[0] / "self" / "cgroup").write_text("0::/\n")
    limit(system[1], V2, 4 * GB, 3 * GB)
    assert available_bytes(*system) == GB


def test_version_1(system):
    (system[0] / "self" / "cgroup").write_text("5:cpu:/pod\n3:memory:/pod/step\n")
    limit(system[1] / "memory" / "pod" / "step", V1, 4 * GB, 3 * GB, f"inactive_file 0\ntotal_inactive_file {GB}")
    assert available_bytes(*system) == 2 * GB


def test_no_linux(tmp_path):
    assert available_bytes(tmp_path, tmp_path) is None
    assert taken_bytes(tmp_path) is None
    forget_peak(tmp_path)


# In a process of its own: from one that has run other tests, the system takes memory back meanwhile.
PEAK = f"""
import os
from components.train.memory import forget_peak, taken_bytes
forget_peak()
before = taken_bytes()
filled = bytearray(os.urandom(1)) * {200 * MB}
print(taken_bytes() - before)
del filled
forget_peak()
print(taken_bytes() - before)
"""


def test_the_peak_of_this_process():
    told = subprocess.run([sys.executable, "-c", PEAK], capture_output=True, text=True, check=True)
    filled, freed = map(int, told.stdout.split())
    assert filled > 150 * MB
    assert freed < 100 * MB


def test_the_limit_of_this_process():
    script = (
        "import resource; from components.train.memory import available_bytes;"
        f"resource.setrlimit(resource.RLIMIT_AS, ({GB}, {GB})); print(available_bytes())"
    )
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert 0 < int(told.stdout) < GB
    assert resource.getrlimit(resource.RLIMIT_AS)[0] != GB
