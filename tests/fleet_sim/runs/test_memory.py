"""Tests of the memory that this process has, with /proc and without."""

from __future__ import annotations

from pathlib import Path

import pytest

from fleet_sim.runs import memory
from fleet_sim.runs.progress_counting import Counting
from tests.helpers.fake_clock import FakeClock


def test_memory_is_known_without_proc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """MacOS has no /proc: the peak stands for what is resident, and nobody says what is free."""
    assert memory.rss_bytes() > 0
    for name in ("STATM", "MEMINFO", "OWN_CGROUP", "CGROUP"):
        monkeypatch.setattr(memory, name, tmp_path / "nothing")
    assert memory.rss_bytes() > 0
    assert memory.available_bytes() is None
    clock = FakeClock()
    counting = Counting(clock, memory.available_bytes)
    counting.rate_text("0 boxes", 0, 10)
    clock.now_s += 3.0
    assert counting.rate_text("6 boxes", 6, 10) == "6 boxes, 2 a second, 2 s left"
