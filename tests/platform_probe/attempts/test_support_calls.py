"""Calls to support: what becomes of them, with and without an unlock before."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from platform_probe.attempts import support_calls
from platform_probe.diagnosis.records import unseen
from tests.helpers.join_bench import LATE_S, WAIT_S, JoinBench
from tests.helpers.tracker_bench import CAR, DEADLINE_S, LATE_WINDOW_S

SETTLED_S = WAIT_S + DEADLINE_S + LATE_S + 1.0


def an_unlock(bench: JoinBench, **names: str) -> None:
    """Let an unlock go well, and be judged."""
    bench.requested(account_id="anna", **names)
    bench.published(**names)
    bench.accepted(**names)
    bench.seen()
    bench.opens()
    bench.answered(200, **names)
    bench.ended(**names)


def test_a_call_without_any_unlock_is_a_complaint_and_no_attempt() -> None:
    """Nothing reached the platform: the call is all there is, and counts as no unlock."""
    bench = JoinBench()
    bench.called(account_id="anna", shown="No connection; please try again.", app_version="5.1")
    assert bench.complaints == []
    bench.wait(SETTLED_S)
    (complaint,) = bench.complaints
    assert complaint.attempts == ()
    assert (complaint.complaint_id, complaint.vehicle_id) == ("ticket-1", CAR)
    assert (complaint.booking_id, complaint.account_id) == ("b7", "anna")
    assert (complaint.app_version, complaint.shown) == ("5.1", "No connection; please try again.")
    assert bench.records == []
    assert bench.joiner.only_platform == 0


def test_a_call_names_the_unlocks_before_it() -> None:
    """Those of its booking; one that is still under way is waited for."""
    bench = JoinBench()
    an_unlock(bench)
    bench.requested(request_id="r2", trace_id="a" * 32)
    bench.called()
    bench.wait(SETTLED_S)
    (complaint,) = bench.complaints
    assert complaint.attempts == tuple(record.attempt_id for record in bench.records)
    assert len(complaint.attempts) == 2


@pytest.mark.parametrize(
    "call", [{"booking_id": "another"}, {"vehicle_id": "another", "booking_id": None}]
)
def test_unlocks_of_others_are_not_named(call: dict[str, Any]) -> None:
    """Another booking, or another car."""
    bench = JoinBench()
    an_unlock(bench)
    bench.called(**call)
    bench.wait(SETTLED_S)
    assert bench.complaints[0].attempts == ()


def test_what_was_long_ago_is_not_named() -> None:
    """The customer calls about now."""
    bench = JoinBench()
    an_unlock(bench)
    bench.wait(LATE_WINDOW_S + 1)
    bench.called()
    bench.wait(SETTLED_S)
    assert bench.complaints[0].attempts == ()


def test_the_time_of_a_call_is_on_the_monitors_clock() -> None:
    """Whatever the platform's own shows."""
    bench = JoinBench(ahead_s=100.0)
    an_unlock(bench)
    called_at = bench.behind.clock.unix_s()
    bench.called()
    bench.joiner.flush()
    (complaint,) = bench.complaints
    assert complaint.at == pytest.approx(called_at, abs=0.5)


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
    assert (of_car.region, of_car.firmware) == (
        bench.behind.evidence.of(CAR).build.region,
        bench.behind.evidence.of(CAR).build.firmware,
    )
    assert of_car.region is not None
    assert of_car.site == unseen(of_car).site == "garage-p3"
    assert b"site" not in msgspec.json.encode(of_none)
    assert (of_none.vehicle_id, of_none.region) == ("", None)


def test_a_call_is_due_when_unlocks_before_it_can_be_judged() -> None:
    """Whoever sleeps until something is due wakes for it, also where no unlock waits."""
    bench = JoinBench()
    waits: list[float] = []
    bench.joiner.on_wait = lambda: waits.append(bench.behind.clock.now_s)
    called_s = bench.behind.clock.now_s
    bench.called()
    assert waits == [called_s]
    assert bench.joiner.next_s() == pytest.approx(called_s + DEADLINE_S + WAIT_S)


@pytest.mark.parametrize(("mine", "written"), [("ticket-1", 1), ("another", 0)])
def test_of_several_monitors_one_has_the_complaint(mine: str, written: int) -> None:
    """By the call's own id, as with what only the log tells."""
    bench = JoinBench(is_ours=lambda key: key == mine)
    bench.called()
    bench.joiner.flush()
    assert len(bench.complaints) == written


def test_calls_without_end_do_not_wait_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Above a number the first ones are written at once."""
    monkeypatch.setattr(support_calls, "MAX_WAITING", 2)
    bench = JoinBench()
    for number in range(4):
        bench.called(f"ticket-{number}")
    bench.joiner.tick()
    assert [each.complaint_id for each in bench.complaints] == ["ticket-0", "ticket-1"]
    assert len(bench.joiner) == 2
