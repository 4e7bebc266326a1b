"""The tracker: how much it follows, and what a record is called; `tracker.txt` has the rest."""

from __future__ import annotations

import re

import pytest

from platform_probe.measure.attempts import held_answers, tracker
from platform_probe.measure.attempts.held_answers import HOLD_S
from tests.helpers.tracker_bench import DEADLINE_S, TrackerBench, check_arithmetic


def test_a_customers_unlock_has_an_id_of_its_own_that_every_probe_gives_it() -> None:
    """Records of two probes, or of one before and after a restart, can be put together."""
    first, second = TrackerBench(), TrackerBench()
    for bench in (first, second):
        bench.customer("k1")
        bench.customer("k2")
        bench.tracker.interrupt()
    ids = [attempt.attempt_id for attempt in first.attempts]
    assert ids == [attempt.attempt_id for attempt in second.attempts]
    assert len(set(ids)) == 2
    assert all(re.fullmatch("[0-9a-f]{32}", one) for one in ids)
    assert ids == [attempt.trace_id for attempt in first.attempts], "a trace of its own, too"


def test_flood_of_answers_is_not_held(monkeypatch: pytest.MonkeyPatch) -> None:
    """Above a limit an answer that nobody asked for is an orphan at once."""
    monkeypatch.setattr(held_answers, "MAX_HELD", 3)
    bench = TrackerBench(is_watching=True)
    for number in range(5):
        bench.executed(f"k{number}")
    assert len(bench.strays) == 2
    bench.wait(HOLD_S)
    assert len(bench.strays) == 5
    bench.executed("k9")
    assert len(bench.strays) == 5


def test_flood_of_commands_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Above a limit commands of others are counted, and their answers are no orphans."""
    monkeypatch.setattr(tracker, "MAX_OPEN_WATCHED", 3)
    bench = TrackerBench()
    for number in range(5):
        bench.customer(f"k{number}")
    assert len(bench.tracker) == 3
    assert bench.tracker.not_followed == 2
    bench.executed("k4")
    assert bench.strays == []


def test_a_record_says_when_its_unlock_was_due() -> None:
    """In seconds of the load; what a clock's grain lets start early starts at 0 all the same."""
    bench = TrackerBench()
    bench.wait(3)
    bench.start(late_s=-0.25)
    bench.wait(DEADLINE_S + 1)
    assert bench.only().scheduled_s == 3.25
    assert bench.only().stages["requested"] == 0.0
    check_arithmetic(bench.only())
