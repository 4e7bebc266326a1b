"""The tracker: stages and times, and each oddity of answers."""

from __future__ import annotations

import re

import pytest

from fleet_wire.contract.attempt import Source, StrayKind
from fleet_wire.contract.broker_log import BrokerEvent, BrokerEventKind
from fleet_wire.contract.causes import Cause, Outcome
from fleet_wire.contract.messages import Action, Phase, PresenceReason, Reason
from fleet_wire.contract.trace_context import TraceContext
from platform_probe.measure.attempts import held_answers, tracker
from platform_probe.measure.attempts.ended_attempt import EndedAttempt
from platform_probe.measure.attempts.following import BROKER_LOOKED_BACK_S
from platform_probe.measure.attempts.held_answers import HOLD_S
from tests.helpers.fake_clock import EPOCH_S
from tests.helpers.tracker_bench import (
    CAR,
    DEADLINE_S,
    LATE_WINDOW_S,
    OTHER_CAR,
    STATE_GRACE_S,
    TrackerBench,
    check_arithmetic,
)


def test_a_connected_car_that_says_nothing_is_told_of_at_half_of_the_deadline() -> None:
    """Once, as the unlock would end then; it goes on, and its record is what it would be."""
    told: list[EndedAttempt] = []
    bench = TrackerBench()
    bench.tracker.on_unanswered = told.append
    bench.presence()
    bench.send()
    assert bench.tracker.next_deadline_s() == bench.clock.now_s + DEADLINE_S / 2
    bench.wait(DEADLINE_S / 2 - 0.1)
    assert not told
    bench.wait(0.2)
    bench.wait(0.2)
    ((command_id, cause),) = [(one.command_id, one.cause) for one in told]
    assert (command_id, cause) == ("c1", Cause.BOX_SILENT)
    assert not bench.records
    bench.received()
    bench.executed()
    bench.opened()
    assert bench.only().outcome is Outcome.OK
    assert bench.tracker.next_deadline_s() is not None
    bench.wait(DEADLINE_S)
    assert bench.tracker.next_deadline_s() is None


@pytest.mark.parametrize("why", ["not connected", "asleep", "not known", "it spoke", "of no car"])
def test_who_cannot_answer_or_has_is_not_told_of_before_the_deadline(why: str) -> None:
    """A car that sleeps takes its time, and one that has said it got the command is at it."""
    told: list[EndedAttempt] = []
    bench = TrackerBench()
    bench.tracker.on_unanswered = told.append
    if why == "not connected":
        bench.presence(PresenceReason.LAST_WILL)
    elif why == "asleep":
        bench.presence(PresenceReason.SLEEP)
    elif why != "not known":
        bench.presence()
    bench.start(source=Source.FLOOR if why == "of no car" else Source.PROBE)
    bench.tracker.published("c1")
    if why == "it spoke":
        bench.received()
    bench.wait(DEADLINE_S - 0.1)
    assert not told
    bench.wait(0.1)
    assert len(bench.records) == 1


def test_no_more_than_the_limit_is_remembered() -> None:
    """Memory is bounded: of many ended attempts the oldest are forgotten."""
    bench = TrackerBench(max_remembered=10)
    for number in range(25):
        bench.send(f"c{number}")
        bench.refused(Reason.BUSY, f"c{number}")
    known = [number for number in range(25) if bench.tracker.knows(f"c{number}")]
    assert known == list(range(15, 25))


def test_customers_unlock_is_followed() -> None:
    """A command that somebody else sent becomes an attempt of source customer."""
    bench = TrackerBench()
    trace = TraceContext("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7")
    bench.customer("k1", trace=trace)
    bench.customer("k1")
    bench.wait(1)
    bench.received("k1")
    bench.executed("k1")
    bench.opened("k1")
    attempt = bench.only()
    assert (attempt.source, attempt.outcome) == (Source.CUSTOMER, Outcome.OK)
    assert attempt.booking_id == "b7"
    assert (attempt.trace_id, attempt.parent_span_id) == (trace.trace_id, trace.span_id)
    assert attempt.total_s == 1.0
    assert bench.tracker.started == {Source.CUSTOMER: 1}


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


def test_another_probes_unlock_is_no_customers() -> None:
    """Neither its command nor its answers count, in whatever order they come."""
    bench = TrackerBench(is_watching=True)
    bench.received("p1")
    bench.another_probe("p1")
    assert bench.tracker.next_deadline_s() is None, "nothing waits for a command any more"
    bench.executed("p1")
    bench.opened("p1")
    bench.wait(DEADLINE_S)
    assert bench.records == []
    bench.wait(LATE_WINDOW_S)
    bench.executed("p1")
    bench.wait(HOLD_S)
    assert [stray.kind for stray in bench.strays] == [StrayKind.ORPHAN], "not known for ever"


def test_answers_without_a_command_are_orphans_after_a_moment() -> None:
    """They are stamped with when they came; an open lock alone is no stray answer."""
    bench = TrackerBench(is_watching=True)
    bench.executed("never-sent")
    bench.opened("never-sent")
    assert bench.tracker.next_deadline_s() == bench.clock.now_s + HOLD_S
    bench.wait(HOLD_S - 0.001)
    assert bench.strays == []
    bench.wait(0.001)
    (stray,) = bench.strays
    assert (stray.kind, stray.vehicle_id, stray.at) == (StrayKind.ORPHAN, CAR, EPOCH_S)
    bench.executed("never-sent-either")
    bench.tracker.interrupt()
    assert [stray.kind for stray in bench.strays] == [StrayKind.ORPHAN] * 2


def test_answers_wait_from_the_first_one_on() -> None:
    """A box that repeats itself does not put off the verdict."""
    bench = TrackerBench(is_watching=True)
    bench.received("never-sent")
    began_s = bench.clock.now_s
    bench.wait(HOLD_S / 2)
    bench.executed("never-sent")
    assert bench.tracker.next_deadline_s() == began_s + HOLD_S
    bench.wait(HOLD_S / 2)
    assert len(bench.strays) == 2


def test_answers_to_a_lock_may_overtake_it_too() -> None:
    """They are no concern of ours, in whatever order they come."""
    bench = TrackerBench(is_watching=True)
    bench.executed("k1")
    bench.customer("k1", Action.LOCK)
    assert bench.tracker.next_deadline_s() is None
    bench.wait(DEADLINE_S)
    assert bench.records == []


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


def test_an_answer_to_a_command_that_is_not_followed_is_handed_on() -> None:
    """Whoever sent it, to lock the car again for one, learns which car has answered what."""
    bench = TrackerBench()
    heard: list[tuple[str, Phase, Reason | None]] = []
    bench.tracker.on_other = lambda car, answer: heard.append((car, answer.phase, answer.reason))
    bench.customer("k1", Action.LOCK)
    bench.received("k1")
    bench.refused(Reason.BUSY, "k1")
    bench.executed("never-sent")
    assert heard == [(CAR, Phase.RECEIVED, None), (CAR, Phase.REFUSED, Reason.BUSY)]
    assert [stray.command_id for stray in bench.strays] == ["never-sent"]


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


def test_a_car_has_an_open_unlock_until_the_last_one_has_ended() -> None:
    """Whoever asked for it: meanwhile nobody locks the car again."""
    bench = TrackerBench()
    bench.send("c1")
    bench.customer("k1")
    assert (bench.tracker.has_open(CAR), bench.tracker.has_open(OTHER_CAR)) == (True, False)
    bench.refused(Reason.BUSY, "c1")
    assert bench.tracker.has_open(CAR)
    bench.refused(Reason.BUSY, "k1")
    assert not bench.tracker.has_open(CAR)


def test_only_cars_that_opened_count_as_opened() -> None:
    """The probe's progress: unlocks of the null box and failures are no customers who got in."""
    bench = TrackerBench()
    sources = [Source.PROBE, Source.PROBE, Source.PROBE, Source.FLOOR]
    for number, source in enumerate(sources):
        command_id = f"c{number}"
        bench.start(command_id, source=source)
        bench.executed(command_id)
        if number:
            bench.opened(command_id)
    assert bench.tracker.started == {Source.PROBE: 3, Source.FLOOR: 1}
    bench.wait(DEADLINE_S)
    assert bench.tracker.ok == 2
    assert bench.tracker.ended == {Source.PROBE: 3, Source.FLOOR: 1}


def test_next_deadline_is_the_earliest() -> None:
    """A driver in virtual time learns until when it may sleep."""
    bench = TrackerBench()
    assert bench.tracker.next_deadline_s() is None
    bench.send()
    assert bench.tracker.next_deadline_s() == bench.clock.now_s + DEADLINE_S
    bench.executed()
    assert bench.tracker.next_deadline_s() == bench.clock.now_s + STATE_GRACE_S


def test_next_deadline_is_the_earliest_of_unlocks_and_of_answers_that_wait() -> None:
    """Neither makes the driver miss the other."""
    bench = TrackerBench(is_watching=True)
    bench.send()
    ends_s = bench.clock.now_s + DEADLINE_S
    bench.executed("never-sent")
    assert bench.tracker.next_deadline_s() == bench.clock.now_s + HOLD_S
    bench.wait(DEADLINE_S - HOLD_S / 2)
    bench.executed("never-sent-either")
    assert bench.tracker.next_deadline_s() == ends_s


def test_what_another_monitor_counts_is_followed_by_that_one() -> None:
    """Sent again as well: whoever locks cars again learns of it, nobody else."""
    bench = TrackerBench(is_watching=True)
    strangers: list[str] = []
    bench.tracker.is_ours = lambda car: car != CAR
    bench.tracker.on_stranger = strangers.append
    bench.customer("theirs")
    bench.executed("theirs")
    assert strangers == [CAR]
    bench.tracker.is_ours = lambda _: True  # the other one has gone, and has a record of it
    bench.customer("theirs")
    bench.executed("theirs")
    bench.wait(DEADLINE_S)
    assert (bench.records, strangers) == ([], [CAR])


def test_of_several_monitors_none_takes_an_answer_for_a_stray() -> None:
    """Another may have seen its command, before this one was there."""
    bench = TrackerBench(is_watching=True)
    bench.tracker.is_ours = lambda _: True
    bench.executed("theirs")
    bench.wait(HOLD_S)
    assert bench.records == []


def test_what_the_broker_said_of_a_car_is_evidence_of_its_unlocks() -> None:
    """Of one that went well too: two boxes of one name open each other's cars and say so."""
    bench = TrackerBench()
    at = bench.clock.unix_s()
    bench.evidence.broker.add(BrokerEvent(at, CAR, BrokerEventKind.TAKEN_OVER))
    bench.evidence.broker.add(BrokerEvent(at, OTHER_CAR, BrokerEventKind.TIMED_OUT))
    bench.evidence.broker.add(
        BrokerEvent(at - BROKER_LOOKED_BACK_S - 1, CAR, BrokerEventKind.DROPPED)
    )
    bench.send()
    bench.received()
    bench.executed()
    bench.opened()
    bench.send("k2")
    bench.wait(DEADLINE_S)
    good, lost = bench.attempts
    assert good.evidence == {"broker_said": {"taken_over": 1}}
    assert lost.evidence["broker_said"] == {"taken_over": 1}
