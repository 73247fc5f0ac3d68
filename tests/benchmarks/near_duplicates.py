"""What grouping near-duplicates costs: a million photographs, and hashes made to be as much alike as can be.

The peer compares every hash with all others (NumPy's XOR and bitwise_count, row by row), which finds the same
pairs. It does so on a sample, and its time for all is scaled by the square of the number. Each case runs in a process
of its own, so that its peak memory is its own too.

    python -m tests.benchmarks.near_duplicates [--images 1000000] [--alike 200000]
"""

import argparse
import json
import multiprocessing
import resource
import time
from collections.abc import Callable

import numpy as np

from components._duplicates.near import Hashes
from components.ingest.near_duplicates import near_duplicate_groups

MAX_DISTANCE = 4  # ingest's default
SAMPLE = 20_000


def photographs(images: int) -> Hashes:
    """Random hashes; 15 % of the images are copies, three each, that differ in up to two bits."""
    rng = np.random.default_rng(0)
    alone = rng.integers(0, 2**64, images * 85 // 100, dtype=np.uint64)
    copies = np.repeat(alone[: images // 20], 3)
    return np.concatenate([alone, flipped(copies, 2, rng)])


def flipped(hashes: Hashes, bits: int, rng: np.random.Generator) -> Hashes:
    """Flips up to so many bits of each hash."""
    for _ in range(bits):
        hashes = hashes ^ np.uint64(1) << rng.integers(0, 64, len(hashes), dtype=np.uint64)
    return hashes


def one_hash_with_flips(bits: int) -> Callable[[int], Hashes]:
    """Returns what makes hashes that all lie around one."""
    return lambda images: flipped(np.full(images, 0x123456789ABCDEF, np.uint64), bits, np.random.default_rng(0))


def few_bits(bits: int) -> Callable[[int], Hashes]:
    """Returns what makes hashes that are random in some bits and alike in all others."""
    return lambda images: np.random.default_rng(0).integers(0, 2**bits, images, dtype=np.uint64)


def measure(hashes: Hashes) -> dict[str, float]:
    """Groups the hashes, and compares a sample of them all with all."""
    ids = np.frombuffer(np.arange(4 * len(hashes), dtype=">u8").tobytes(), "S32")
    keys = np.full(len(hashes), -1, np.int32)
    began_s = time.perf_counter()
    groups = near_duplicate_groups(ids, hashes, MAX_DISTANCE, keys)
    grouped_s = time.perf_counter() - began_s
    peak_gb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
    sample = np.random.default_rng(1).choice(hashes, min(SAMPLE, len(hashes)), replace=False)
    began_s = time.perf_counter()
    for one in sample:
        np.flatnonzero(np.bitwise_count(sample ^ one) <= MAX_DISTANCE)
    all_pairs_s = (time.perf_counter() - began_s) * (len(hashes) / len(sample)) ** 2
    return {"images": len(hashes), "groups": len(np.unique(groups)), "s": grouped_s, "peak_gb": peak_gb,
            "all_pairs_scaled_s": all_pairs_s, "times_faster": all_pairs_s / grouped_s}  # fmt: skip


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=1_000_000)
    parser.add_argument("--alike", type=int, default=200_000)
    arguments = parser.parse_args()
    cases = {"photographs": photographs(arguments.images)}
    cases |= {
        f"one hash, {bits} bits flipped": one_hash_with_flips(bits)(arguments.alike) for bits in (3, 6, 8, 10, 14)
    }
    cases |= {f"random in {bits} bits": few_bits(bits)(arguments.alike) for bits in (5, 20, 30, 36)}
    for name, hashes in cases.items():
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            print(json.dumps({name: pool.apply(measure, (hashes,))}), flush=True)


if __name__ == "__main__":
    main()
