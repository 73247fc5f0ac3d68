"""How many processors this process may use."""

import os
from contextlib import suppress
from pathlib import Path

_QUOTA = Path("/sys/fs/cgroup/cpu.max")


def processors() -> int:
    """Counts the processors this process may use: those it is bound to, or a container's share of them if less."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with suppress(OSError, ValueError):  # no control groups, or no quota ("max")
        quota_us, period_us = (int(number) for number in _QUOTA.read_text().split())
        count = min(count, max(1, round(quota_us / period_us)))
    return count
