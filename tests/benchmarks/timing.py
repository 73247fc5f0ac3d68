"""Times of peers in one run: taking turns, so that what else the machine does falls on all alike."""

import statistics
import time
from collections.abc import Callable, Mapping


def median_seconds(peers: Mapping[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Calls each peer in turn, several times over, and returns the median time of each.

    A peer that returns a float has measured itself, without what it had to prepare; of others the wall time counts.
    """
    seconds: dict[str, list[float]] = {name: [] for name in peers}
    for _ in range(repeats):
        for name, work in peers.items():
            began_s = time.perf_counter()
            measured = work()
            taken_s = time.perf_counter() - began_s
            seconds[name].append(measured if isinstance(measured, float) else taken_s)
    return {name: statistics.median(times) for name, times in seconds.items()}
