"""Tests of the memory that this process has, with /proc and without."""

from __future__ import annotations

from pathlib import Path

import pytest

from fleet_sim.runs import memory


def test_memory_is_known_without_proc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """MacOS has no /proc: the peak stands for what is resident, and nobody says what is free."""
    assert memory.rss_bytes() > 0
    for name in ("STATM", "MEMINFO", "OWN_CGROUP", "CGROUP"):
        monkeypatch.setattr(memory, name, tmp_path / "nothing")
    assert memory.rss_bytes() > 0
    assert memory.available_bytes() is None


def test_huge_pages_fit_into_whole_ranges_without_a_file() -> None:
    """Neither files, nor code, nor what is smaller than such a page is among them."""
    maps = (
        "00400000-00800000 rw-p 00000000 00:00 0 \n"
        "00900000-00b00000 rw-p 00000000 00:00 0 \n"
        "01100000-01500000 rw-p 00000000 00:00 0                          [heap]\n"
        "02000000-02800000 r-xp 00000000 00:00 0 \n"
        "03000000-03800000 rw-p 00000000 08:01 42       /usr/lib/libpython.so\n"
        "04000000-04800000 rw-p 00000000 00:00 0                          [stack]\n"
    )
    assert [*memory.huge_page_ranges(maps)] == [(0x400000, 0x800000), (0x1200000, 0x1400000)]


def test_memory_in_huge_pages_holds_what_it_held() -> None:
    """It does not matter whether this kernel has them."""
    held = [bytes([number % 256]) * 1_000 for number in range(20_000)]
    memory.use_huge_pages()
    assert all(each == bytes([number % 256]) * 1_000 for number, each in enumerate(held))
