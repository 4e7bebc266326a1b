"""Calls to support: what becomes of them, with and without an unlock before."""

from __future__ import annotations

import msgspec
import pytest

from platform_probe.judge.diagnosis.records import unseen
from platform_probe.measure.attempts import support_calls
from tests.helpers.join_bench import LATE_S, WAIT_S, JoinBench
from tests.helpers.tracker_bench import CAR, DEADLINE_S

SETTLED_S = WAIT_S + DEADLINE_S + LATE_S + 1.0


def test_a_call_says_when_it_was_in_the_load_and_what_its_car_is() -> None:
    """Of a call that names no car nothing of one is known."""
    bench = JoinBench(ahead_s=100.0)
    bench.behind.opened(moved_by=None, site="garage-p3")
    bench.wait(30.0)
    bench.called()
    bench.called("ticket-2", vehicle_id=None)
    bench.joiner.flush()
    began_s = bench.behind.tracker.load_began_s
    of_car, of_none = bench.complaints
    assert of_car.scheduled_s == pytest.approx(bench.behind.clock.now_s - began_s, abs=0.5)
    labels = bench.behind.evidence.state_of(CAR).labels
    assert None not in (labels.region, labels.operator, labels.firmware, labels.hardware)
    assert (of_car.region, of_car.operator) == (labels.region, labels.operator)
    assert (of_car.firmware, of_car.hardware) == (labels.firmware, labels.hardware)
    assert of_car.site == unseen(of_car).site == "garage-p3"
    assert b"site" not in msgspec.json.encode(of_none)
    assert (of_none.vehicle_id, of_none.region) == ("", None)


def test_calls_without_end_do_not_wait_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Above a number the first ones are written at once."""
    monkeypatch.setattr(support_calls, "MAX_WAITING", 2)
    bench = JoinBench()
    for number in range(4):
        bench.called(f"ticket-{number}")
    bench.joiner.tick()
    assert [each.complaint_id for each in bench.complaints] == ["ticket-0", "ticket-1"]
    assert len(bench.joiner) == 2


def test_what_was_logged_between_stop_and_start_is_judged_by_its_own_time() -> None:
    """Read minutes late, and in parts: no command is missing that the next lines tell of."""
    before, bench = JoinBench(), JoinBench()
    lines = [before.event("requested")]
    for step in ("published", "accepted", "ended"):
        before.behind.wait(0.5)
        more = {"outcome": "executed"} if step == "ended" else {}
        lines.append(before.event(step, command_id="k1", **more))
    bench.behind.wait(300.0)
    offset_s = bench.joiner.judging.clock_offset.offset_s
    bench.joiner.is_catching_up = True
    for line in lines:
        bench.joiner.take_event(line)
        bench.joiner.tick()
    assert not bench.records
    assert bench.joiner.judging.clock_offset.offset_s == offset_s
    bench.joiner.is_catching_up = False
    bench.joiner.tick()
    record = bench.only()
    assert (record.cause, record.started_at) == (None, lines[0].at)
