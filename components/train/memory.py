"""How much memory this process has taken and may still take, where Linux tells."""

import re
import resource
from pathlib import Path

_PROC = Path("/proc")
_CGROUPS = Path("/sys/fs/cgroup")
# memory.max of version 2, memory.limit_in_bytes of version 1, each with its use.
_LIMIT_AND_USE = (("memory.max", "memory.current"), ("memory.limit_in_bytes", "memory.usage_in_bytes"))


def available_bytes(proc: Path = _PROC, cgroups: Path = _CGROUPS) -> int | None:
    """Returns what this process may still take: the least of what the machine, its container and its own limit leave.

    Args:
        proc: The folder of processes.
        cgroups: The folder of control groups.

    Returns:
        Bytes; None where the system does not tell.
    """
    of_machine = _kilobytes(proc / "meminfo", "MemAvailable")
    left = [of_machine, _left_by_limit(proc), *_left_by_groups(proc, cgroups)]
    known = [bytes_ for bytes_ in left if bytes_ is not None]
    return min(known) if of_machine is not None else None


def taken_bytes(proc: Path = _PROC) -> int | None:
    """Returns the most that this process has held at once since `forget_peak`; None where the system does not tell."""
    return _kilobytes(proc / "self" / "status", "VmHWM")


def forget_peak(proc: Path = _PROC) -> None:
    """Lets `taken_bytes` begin anew, where the system allows it (proc(5), clear_refs)."""
    try:
        (proc / "self" / "clear_refs").write_text("5")
    except OSError:
        return


def _kilobytes(file: Path, name: str) -> int | None:
    found = re.search(rf"^{name}:\s+(\d+) kB$", _read(file), re.MULTILINE)
    return 1024 * int(found[1]) if found else None


def _left_by_limit(proc: Path) -> int | None:
    """Returns what `ulimit -v` leaves."""
    limit, size = resource.getrlimit(resource.RLIMIT_AS)[0], _kilobytes(proc / "self" / "status", "VmSize")
    return None if limit == resource.RLIM_INFINITY or size is None else max(0, limit - size)


def _left_by_groups(proc: Path, cgroups: Path) -> list[int]:
    """Returns what each limited group above this process leaves; files in the page cache give way, and don't count."""
    left = []
    for group in _groups(proc, cgroups):
        for limit_file, use_file in _LIMIT_AND_USE:
            limit, use = _read(group / limit_file).strip(), _read(group / use_file).strip()
            if limit.isdigit() and use.isdigit():
                left.append(max(0, int(limit) - int(use) + _cached_bytes(group)))
    return left


def _cached_bytes(group: Path) -> int:
    """Returns what files in the page cache take; version 1 tells of the groups below in lines of their own."""
    lines = [line.split() for line in _read(group / "memory.stat").splitlines()]
    told = {line[0]: int(line[1]) for line in lines if len(line) == 2}
    return sum(told.get(f"total_{kind}", told.get(kind, 0)) for kind in ("inactive_file", "active_file"))


def _groups(proc: Path, cgroups: Path) -> list[Path]:
    """Returns the folders of this process's groups and of those that hold them, of either version."""
    folders = []
    for line in _read(proc / "self" / "cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers in ("", "memory"):
            root, own = cgroups / controllers, Path(path.lstrip("/"))
            folders += [root / own, *(root / parent for parent in own.parents)]
    return list(dict.fromkeys(folders))


def _read(file: Path) -> str:
    try:
        return file.read_text()
    except OSError:
        return ""
