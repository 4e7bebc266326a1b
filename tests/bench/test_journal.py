"""The benchmark of the journal runs, whatever it measures."""

from __future__ import annotations

from bench.journal import TOGETHER, measure


def test_both_sides_are_measured() -> None:
    """A median each."""
    lines = measure(entries=10 * TOGETHER, rounds=2).splitlines()
    assert [line.split(":")[0] for line in lines] == ["measuring", "judging"]
    assert all(float(line.split()[1]) > 0 for line in lines)
