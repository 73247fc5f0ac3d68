import os

import pytest

from components import _processors


@pytest.mark.parametrize(
    ("quota", "expected"), [("max 100000", 64), ("200000 100000", 2), ("50000 100000", 1), ("broken", 64)]
)
def test_a_container_s_share_of_processors_counts(quota, expected, tmp_path, monkeypatch):
    (tmp_path / "cpu.max").write_text(quota)
    monkeypatch.setattr(_processors, "_QUOTA", tmp_path / "cpu.max")
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: range(64))
    assert _processors.processors() == expected
    monkeypatch.setattr(_processors, "_QUOTA", tmp_path / "absent")
    assert _processors.processors() == 64
