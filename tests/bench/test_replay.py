"""The benchmark of a replay runs, whatever it measures."""

from __future__ import annotations

from bench.replay import DayPlan, measure_day, render_day

SMALL = DayPlan(hours=0.1, cars=100, unlocks_a_hour=600)


def test_a_part_and_the_whole_are_replayed() -> None:
    """Two replays of a store whose journal is packed."""
    measured = measure_day(SMALL)
    part, whole = measured.replays
    assert SMALL.cars < part.entries < whole.entries
    assert all(one.peak_mib > 0 and one.cpu_s > 0 for one in measured.replays)
    assert 0 < measured.packed_mib < measured.journal_mib / 4
    assert "peak MiB" in render_day(measured)
