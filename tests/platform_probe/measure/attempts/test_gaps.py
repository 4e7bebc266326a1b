"""What the monitor makes of having stood still itself."""

from __future__ import annotations

import pytest

from platform_probe.measure.attempts.gaps import CATCH_UP_S, MAX_GAPS, MIN_GAP_S, Gaps

GAP_S = 10.0


def test_the_shortest_gap_is_one() -> None:
    """What is as long as that may change a conclusion."""
    told: list[float] = []
    gaps = Gaps(told.append)
    gaps.beat(8.0)
    gaps.beat(8.0 + MIN_GAP_S)
    assert told == [MIN_GAP_S]
    assert gaps.is_catching_up(8.0 + 2 * MIN_GAP_S)
    assert told == [MIN_GAP_S, MIN_GAP_S]
    assert gaps.total_s == 2 * MIN_GAP_S


def test_catching_up_has_an_end() -> None:
    """After a second and a tenth of the gap, to the moment: then deadlines count again."""
    gaps = Gaps()
    for beat_s in (0.0, GAP_S, GAP_S + 0.25, GAP_S + 0.5, GAP_S + 0.75, GAP_S + 1):
        gaps.beat(beat_s)
    end_s = GAP_S + CATCH_UP_S + 0.1 * GAP_S
    for beat_s in (GAP_S + 1.25, GAP_S + 1.5, GAP_S + 1.75):
        gaps.beat(beat_s)
        assert gaps.is_catching_up(beat_s)
    assert not gaps.is_catching_up(end_s)


def test_a_night_of_stalls_fills_no_memory() -> None:
    """The oldest gap is forgotten: no unlock is that old."""
    gaps = Gaps()
    for number in range(MAX_GAPS + 2):
        gaps.beat(100.0 * number)
    assert gaps.longest_s(0.0, 50.0) == 0
    assert gaps.longest_s(200.0, 250.0) == 100


@pytest.mark.parametrize(
    ("begin_s", "end_s", "longest_s"),
    [(-5, -1, 0), (-5, 0, 10), (-5, 1, 10), (3, 4, 10), (10.5, 12, 10), (12, 14, 0), (13, 14, 0)],
)
def test_what_overlaps_a_gap_is_doubtful(begin_s: float, end_s: float, longest_s: float) -> None:
    """Before a gap all is well, and some time after it again."""
    gaps = Gaps()
    gaps.beat(0.0)
    gaps.beat(10.0)
    assert gaps.longest_s(begin_s, end_s) == longest_s
