"""Calls to support: what becomes of them, with and without an unlock before."""

from __future__ import annotations

import msgspec
import pytest

from fleet_wire.contract.attempt import PROBE_STOPPED
from fleet_wire.contract.causes import Cause
from platform_probe.judge.diagnosis.records import unseen
from platform_probe.measure.attempts import support_calls
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
        bench.behind.evidence.state_of(CAR).labels.region,
        bench.behind.evidence.state_of(CAR).labels.firmware,
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


@pytest.mark.parametrize(("mine", "written"), [(CAR, 1), ("another", 0)])
def test_of_several_monitors_one_has_the_complaint(mine: str, written: int) -> None:
    """The one that counts the car's unlocks: the call is about them."""
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


def restarted(before: JoinBench) -> JoinBench:
    """Stop a monitor, and return one that takes up what it has written, 30 s later."""
    before.behind.tracker.interrupt()
    before.joiner.flush()
    bench = JoinBench()
    bench.behind.clock.wall_s = before.behind.clock.wall_s + 30.0
    bench.joiner.take_up(before.last().values())
    return bench


def test_a_call_after_a_restart_names_the_unlocks_before_it() -> None:
    """Those that had ended, and one that was under way: the next process knows them."""
    before = JoinBench()
    an_unlock(before)
    before.requested(request_id="r2", trace_id="a" * 32, account_id="anna")
    bench = restarted(before)
    bench.called(account_id="anna")
    bench.wait(SETTLED_S)
    (complaint,) = bench.complaints
    assert complaint.attempts == tuple(before.last())
    assert len(complaint.attempts) == 2
    assert not bench.records


def test_lines_of_known_unlocks_that_are_read_again_make_no_other() -> None:
    """After a kill the log is read from a little before where it was: nothing is counted twice."""
    before = JoinBench()
    an_unlock(before)
    before.wait(SETTLED_S)
    bench = JoinBench()
    bench.joiner.take_up(before.last().values())
    bench.joiner.is_catching_up = True
    bench.answered(200, request_id="r1")
    bench.ended(request_id="r1")
    bench.joiner.is_catching_up = False
    bench.wait(SETTLED_S)
    assert not bench.records


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


def test_a_call_after_lines_were_lost_does_not_say_that_nothing_was_asked_for() -> None:
    """Ten minutes later all that may have been is known again."""
    bench = JoinBench()
    bench.joiner.missed()
    bench.wait(5.0)
    bench.called()
    bench.wait(LATE_WINDOW_S)
    bench.called(ticket="ticket-2")
    bench.wait(SETTLED_S)
    assert [bool(call.missed) for call in bench.complaints] == [True, False]


def test_what_came_and_went_while_nobody_listened_is_no_finding() -> None:
    """Its record says that the monitor was not there, as of what a stop has cut short."""
    before, bench = JoinBench(), JoinBench()
    lines = [before.event("requested")]
    before.behind.wait(0.5)
    lines += [before.event(step, command_id="k1") for step in ("published", "accepted")]
    before.behind.wait(DEADLINE_S)
    lines.append(before.event("ended", command_id="k1", outcome="expired"))
    bench.behind.wait(60.0)
    restarted = JoinBench(behind=bench.behind)
    restarted.joiner.take_events(lines)
    restarted.wait(SETTLED_S)
    record = restarted.only()
    assert (record.cause, record.reason) == (Cause.NOT_OBSERVED, PROBE_STOPPED)


def test_a_call_that_has_a_record_is_not_written_again() -> None:
    """Its line is read once more after a kill."""
    bench = JoinBench()
    bench.joiner.take_up((), ["ticket-1"])
    bench.called()
    bench.called(ticket="ticket-2")
    bench.wait(SETTLED_S)
    assert [call.complaint_id for call in bench.complaints] == ["ticket-2"]
