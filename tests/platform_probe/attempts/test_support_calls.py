"""Calls to support: what becomes of them, with and without an unlock before."""

from __future__ import annotations

from typing import Any

import pytest

from platform_probe.attempts import support_calls
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


def test_of_several_monitors_one_has_the_complaint() -> None:
    """As with what only the log tells."""
    bench = JoinBench(is_ours=lambda _key: False)
    bench.called()
    bench.joiner.flush()
    assert bench.complaints == []


def test_calls_without_end_do_not_wait_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Above a number the first ones are written at once."""
    monkeypatch.setattr(support_calls, "MAX_WAITING", 2)
    bench = JoinBench()
    for number in range(4):
        bench.called(f"ticket-{number}")
    bench.joiner.tick()
    assert [each.complaint_id for each in bench.complaints] == ["ticket-0", "ticket-1"]
    assert len(bench.joiner) == 2
