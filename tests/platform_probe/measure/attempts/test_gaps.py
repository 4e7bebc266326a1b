"""What the monitor makes of having stood still itself."""

from __future__ import annotations

import pytest

from fleet_wire.contract.attempt import Flag, Source
from fleet_wire.contract.causes import Cause, Outcome
from fleet_wire.contract.messages import Reason
from platform_probe.measure.attempts.gaps import BEAT_S, CATCH_UP_S, MAX_GAPS, MIN_GAP_S, Gaps
from tests.helpers.tracker_bench import DEADLINE_S, TrackerBench, check_arithmetic

GAP_S = 10.0
CAUGHT_UP_S = CATCH_UP_S + GAP_S  # at the latest


class WatchedBench(TrackerBench):
    """A tracker whose event loop beats while time passes, unless it stands still."""

    def wait(self, seconds: float) -> None:
        """Let time pass, beat by beat."""
        end_s = self.clock.now_s + seconds
        while self.clock.now_s < end_s:
            super().wait(min(BEAT_S, end_s - self.clock.now_s))
            self.gaps.beat(self.clock.now_s)

    def stand_still(self, seconds: float) -> None:
        """Let time pass unnoticed."""
        self.clock.now_s += seconds
        self.clock.wall_s += seconds


@pytest.fixture
def bench() -> WatchedBench:
    """Return a tracker that has beaten for a second."""
    bench = WatchedBench()
    bench.wait(1.0)
    return bench


def test_gaps_are_found_and_told() -> None:
    """A beat that stays away for long is a gap; one that is a little late is none."""
    told: list[float] = []
    gaps = Gaps(told.append)
    gaps.beat(5.0)
    gaps.beat(5.0 + MIN_GAP_S * 0.9)
    assert told == []
    assert not gaps.is_catching_up(5.0 + MIN_GAP_S)
    assert gaps.is_catching_up(9.45)
    assert told == [pytest.approx(4.0)]
    for beat_s in (9.5, 9.9, 10.3, 10.7):
        gaps.beat(beat_s)
        assert gaps.is_catching_up(beat_s)
    assert not gaps.is_catching_up(10.9)
    assert len(told) == 1


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


def test_what_overlaps_a_gap_is_doubtful() -> None:
    """Before a gap all is well, and some time after it again."""
    gaps = Gaps()
    gaps.beat(0.0)
    gaps.beat(10.0)
    assert gaps.longest_s(-5.0, -1.0) == 0
    assert gaps.longest_s(-5.0, 0.0) == 10
    assert gaps.longest_s(-5.0, 1.0) == 10
    assert gaps.longest_s(3.0, 4.0) == 10
    assert gaps.longest_s(10.5, 12.0) == 10
    assert gaps.longest_s(12.0, 14.0) == 0
    assert gaps.longest_s(13.0, 14.0) == 0


def test_without_a_beat_there_is_no_gap() -> None:
    """Virtual time has no event loop that could stand still."""
    assert not Gaps().is_catching_up(1e9)


def test_a_customer_read_late_is_not_fast(bench: WatchedBench) -> None:
    """Command and answer lay unread side by side: ok, but nobody knows how long it took."""
    bench.stand_still(GAP_S)
    bench.customer()
    bench.executed("k1")
    bench.opened("k1")
    attempt = bench.only()
    assert (attempt.outcome, attempt.total_s) == (Outcome.OK, 0.0)
    assert attempt.flags == (Flag.OBSERVED_LATE,)
    assert attempt.evidence == {"monitor_stood_still_s": pytest.approx(GAP_S)}


def test_the_record_says_how_long_the_monitor_stood_still(bench: WatchedBench) -> None:
    """To the millisecond."""
    bench.stand_still(2.4567)
    bench.customer()
    bench.refused(Reason.BUSY, "k1")
    assert bench.only().evidence["monitor_stood_still_s"] == 2.457


def test_an_answer_that_lay_unread_counts(bench: WatchedBench) -> None:
    """The deadline passed while the answer lay in the socket: it is read before the verdict."""
    bench.send()
    bench.stand_still(DEADLINE_S + 5)
    bench.executed()
    bench.opened()
    attempt = bench.only()
    assert attempt.outcome is Outcome.OK
    assert Flag.OBSERVED_LATE in attempt.flags
    check_arithmetic(attempt)
    assert bench.strays == []


def test_without_an_answer_it_times_out_after_catching_up(bench: WatchedBench) -> None:
    """What is overdue ends with its deadline, a moment later than usual, and is marked."""
    bench.send()
    bench.stand_still(DEADLINE_S + 5)
    bench.tracker.tick()
    assert bench.attempts == []
    bench.wait(CAUGHT_UP_S)
    attempt = bench.only()
    assert (attempt.cause, attempt.total_s) == (Cause.BOX_OFFLINE, DEADLINE_S)
    assert attempt.flags == (Flag.OBSERVED_LATE,)
    assert attempt.evidence["monitor_stood_still_s"] == pytest.approx(DEADLINE_S + 5)
    check_arithmetic(attempt)


def test_nothing_is_overdue_while_the_monitor_catches_up(bench: WatchedBench) -> None:
    """The beat is back, and what piled up is still being read: the answer may be in it."""
    bench.send()
    bench.stand_still(DEADLINE_S + 5)
    bench.wait(CATCH_UP_S)
    assert bench.attempts == []
    bench.executed()
    bench.opened()
    assert bench.only().outcome is Outcome.OK


@pytest.mark.parametrize("source", [Source.PROBE, Source.CUSTOMER])
def test_before_and_long_after_a_gap_nothing_is_marked(bench: WatchedBench, source: Source) -> None:
    """One pause does not spoil the day."""
    for number in range(2):
        bench.start(f"c{number}", source=source)
        bench.wait(1.0)
        bench.executed(f"c{number}")
        bench.opened(f"c{number}")
        bench.wait(1.0)
        bench.stand_still(GAP_S)
        bench.wait(CAUGHT_UP_S)
    assert [attempt.flags for attempt in bench.attempts] == [(), ()]
    assert [attempt.evidence for attempt in bench.attempts] == [{}, {}]
