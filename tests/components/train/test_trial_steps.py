"""What a device is asked before computations are tried out on it."""

import pytest

from components.train import trial_steps
from components.train.cluster import join_cluster
from components.train.trial_steps import computes_bfloat16


@pytest.mark.parametrize(
    ("flags", "has_units"),
    [
        ("fpu avx512f avx512_bf16 avx512_vnni", True),  # AMD Zen 4
        ("fpu avx512f amx_bf16 avx512_bf16 amx_tile", True),  # Intel Sapphire Rapids
        ("fpu avx2 fma", False),
        ("fpu avx512f avx512_bf16_of_tomorrow", False),
    ],
)
def test_a_processor_with_instructions_for_bfloat16_has_units_for_it(flags, has_units, tmp_path, monkeypatch):
    facts = tmp_path / "cpuinfo"
    facts.write_text(f"processor\t: 0\nflags\t\t: {flags}\nbogomips\t: 5192.29\n")
    monkeypatch.setattr(trial_steps, "_CPU_FACTS", facts)
    assert computes_bfloat16(join_cluster({})) == has_units


def test_one_that_does_not_say_has_none(tmp_path, monkeypatch):
    monkeypatch.setattr(trial_steps, "_CPU_FACTS", tmp_path / "cpuinfo")
    assert not computes_bfloat16(join_cluster({}))
