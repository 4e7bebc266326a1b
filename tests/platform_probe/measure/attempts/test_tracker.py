"""The tracker: stages and times, and each oddity of answers."""

from __future__ import annotations

import re

import msgspec
import pytest

from fleet_wire.contract.attempt import Flag, Source, Stage, StrayKind
from fleet_wire.contract.broker_log import BrokerEvent, BrokerEventKind
from fleet_wire.contract.causes import Cause, Outcome
from fleet_wire.contract.messages import Action, Phase, PresenceReason, Reason, Result
from fleet_wire.contract.trace_context import TraceContext
from platform_probe.measure.attempts import held_answers, tracker
from platform_probe.measure.attempts.conclusion import WORK_S
from platform_probe.measure.attempts.ended_attempt import EndedAttempt
from platform_probe.measure.attempts.following import BROKER_LOOKED_BACK_S
from platform_probe.measure.attempts.held_answers import HOLD_S
from tests.helpers.fake_clock import EPOCH_S
from tests.helpers.records import TRACE_ID
from tests.helpers.tracker_bench import (
    CAR,
    DEADLINE_S,
    LATE_WINDOW_S,
    OTHER_CAR,
    STATE_GRACE_S,
    TrackerBench,
    check_arithmetic,
)


def test_good_unlock_has_every_stage() -> None:
    """An unlock that goes well has all stages but the API's, at their times, and no evidence."""
    bench = TrackerBench()
    bench.start(late_s=0.25)
    bench.tracker.published("c1")
    bench.clock.now_s += 0.5
    bench.tracker.acknowledged("c1", 0)
    bench.clock.now_s += 1
    bench.received()
    bench.clock.now_s += 2
    bench.executed(since_received_s=1.5)
    bench.clock.now_s += 0.125
    bench.opened()
    attempt = bench.only()
    assert (attempt.vehicle_id, attempt.command_id) == (CAR, "c1")
    assert (attempt.attempt_id, attempt.trace_id) == ("attempt-c1", TRACE_ID)
    assert (attempt.source, attempt.outcome) == (Source.PROBE, Outcome.OK)
    assert attempt.stages == {
        "intended": 0.0,
        "requested": 0.25,
        "published": 0.25,
        "broker_accepted": 0.75,
        "box_received": 1.7125,
        "box_executed": 3.2125,
        "result_received": 3.75,
        "state_changed": 3.875,
    }
    assert list(attempt.hops_s.values()) == [0.25, 0.0, 0.5, 0.9625, 1.5, 0.5375, 0.125]
    assert attempt.total_s == 3.875
    assert attempt.started_at == EPOCH_S - 0.25
    assert (attempt.region, attempt.operator) == ("centre", "operator-a")
    assert (attempt.firmware, attempt.hardware) == ("2.4.1", "tcu-3")
    assert b"site" not in msgspec.json.encode(attempt)  # the car's state names none
    assert attempt.evidence == {}
    assert attempt.flags == ()


def test_a_record_has_the_boxs_own_durations() -> None:
    """Whether the bus or the motors were slow is nobody's guess."""
    bench = TrackerBench()
    bench.send()
    result = Result("c1", Phase.EXECUTED, can_wake_s=0.75, actuation_s=0.5)
    bench.tracker.result(CAR, result)
    bench.opened()
    assert (bench.only().can_wake_s, bench.only().actuation_s) == (0.75, 0.5)


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


def test_timeout_counts_with_its_deadline() -> None:
    """A timeout lasts exactly the deadline, however late it is noticed, in the missing stage."""
    bench = TrackerBench()
    bench.send()
    bench.wait(DEADLINE_S + 7)
    assert bench.only().total_s == DEADLINE_S
    assert bench.only().hops_s[Stage.BOX_RECEIVED] == DEADLINE_S


def test_answer_after_the_deadline_is_late_even_before_the_tick() -> None:
    """The end does not depend on how often the tracker is told the time."""
    bench = TrackerBench()
    bench.send()
    bench.clock.now_s += DEADLINE_S + 0.001
    bench.executed()
    assert bench.only().cause is Cause.BOX_OFFLINE
    (stray,) = bench.strays
    assert (stray.kind, stray.attempt_id) == (StrayKind.LATE, "attempt-c1")
    assert stray.after_s == pytest.approx(DEADLINE_S + 0.001)


def test_state_grace_ends_before_the_deadline() -> None:
    """Executed without an open lock ends after the grace time."""
    bench = TrackerBench()
    bench.send()
    bench.wait(2)
    bench.executed()
    bench.wait(STATE_GRACE_S - 0.5)
    assert bench.attempts == []
    bench.wait(0.5)
    assert bench.only().total_s == 2 + STATE_GRACE_S


def test_state_grace_does_not_outlast_the_deadline() -> None:
    """The customer's patience is the last word."""
    bench = TrackerBench()
    bench.send()
    bench.wait(DEADLINE_S - 1)
    bench.executed()
    bench.wait(1)
    assert bench.only().cause is Cause.DOOR_UNCONFIRMED
    assert bench.only().total_s == DEADLINE_S


def test_state_before_the_answer_is_ok_and_flagged() -> None:
    """A state that overtakes the answer still means that the car is open."""
    bench = TrackerBench()
    bench.send()
    bench.opened()
    bench.wait(0.5)
    bench.received()
    bench.executed()
    attempt = bench.only()
    assert attempt.outcome is Outcome.OK
    assert attempt.flags == (Flag.OUT_OF_ORDER,)
    assert attempt.stages["state_changed"] < attempt.stages["result_received"]
    check_arithmetic(attempt)


def test_executed_before_received_is_flagged() -> None:
    """Answers may come in the wrong order."""
    bench = TrackerBench()
    bench.send()
    bench.executed(since_received_s=1.0)
    bench.wait(0.5)
    bench.received()
    bench.opened()
    assert bench.only().outcome is Outcome.OK
    assert bench.only().flags == (Flag.OUT_OF_ORDER,)
    check_arithmetic(bench.only())


def test_nothing_was_waited_for_after_a_refusal() -> None:
    """Each hop leads into a stage that was reached: there is none for a lock that never moved."""
    bench = TrackerBench()
    bench.send()
    bench.wait(1)
    bench.refused(Reason.BUSY)
    attempt = bench.only()
    assert [*attempt.hops_s] == [stage for stage in attempt.stages if stage != Stage.INTENDED]
    assert attempt.hops_s[Stage.RESULT_RECEIVED] == 1.0


def test_first_answer_counts_when_a_box_answers_twice() -> None:
    """A box that gets the command twice refuses the copy: that changes nothing."""
    bench = TrackerBench()
    bench.send()
    bench.received()
    bench.received()
    bench.executed()
    bench.refused(Reason.REPLAYED)
    bench.opened()
    assert bench.only().outcome is Outcome.OK
    assert bench.only().flags == (Flag.DUPLICATE,)


@pytest.mark.parametrize(
    ("phase", "kind"),
    [
        (Phase.RECEIVED, StrayKind.DUPLICATE),
        (Phase.EXECUTED, StrayKind.DUPLICATE),
        (Phase.REFUSED, StrayKind.DUPLICATE),
    ],
)
def test_any_answer_after_ok_is_a_duplicate(phase: Phase, kind: StrayKind) -> None:
    """After a good end nothing can be late."""
    bench = TrackerBench()
    bench.send()
    bench.received()
    bench.executed()
    bench.opened()
    bench.answer(phase)
    assert [stray.kind for stray in bench.strays] == [kind]


def test_opening_after_a_refusal_is_late() -> None:
    """The customer was told no, and the car opened: that is the case to find."""
    bench = TrackerBench()
    bench.send()
    bench.refused(Reason.BUSY)
    bench.refused(Reason.BUSY)
    bench.executed()
    bench.executed()
    assert [stray.kind for stray in bench.strays] == [
        StrayKind.DUPLICATE,
        StrayKind.LATE,
        StrayKind.DUPLICATE,
    ]


@pytest.mark.parametrize("is_link_lost", [False, True])
def test_late_unlock_is_one_that_was_observed_to_its_deadline(*, is_link_lost: bool) -> None:
    """A car that opens after the probe's own connection broke may have opened in time."""
    bench = TrackerBench()
    bench.send()
    if is_link_lost:
        bench.tracker.broker_lost("keepalive")
    bench.wait(DEADLINE_S)
    bench.received()
    bench.executed()
    assert [stray.is_late_unlock for stray in bench.strays] == [False, not is_link_lost]
    assert [stray.source for stray in bench.strays] == [Source.PROBE] * 2


def test_time_of_a_late_answer_is_to_the_microsecond() -> None:
    """It counts from the intended start, as the customer does."""
    bench = TrackerBench()
    bench.start(late_s=1 / 3)
    bench.wait(DEADLINE_S)
    bench.executed()
    assert bench.strays[0].after_s == 20.333333


def test_answer_that_nobody_asked_for_is_an_orphan() -> None:
    """An unknown command id belongs to no attempt."""
    bench = TrackerBench()
    bench.wait(3)
    bench.executed("never-sent")
    (stray,) = bench.strays
    assert (stray.kind, stray.attempt_id) == (StrayKind.ORPHAN, None)
    assert (stray.vehicle_id, stray.phase, stray.at) == (CAR, "executed", EPOCH_S + 3)


def test_late_answer_of_another_car_is_an_orphan() -> None:
    """Nobody asked that car; the attempt is named all the same."""
    bench = TrackerBench()
    bench.send()
    bench.wait(DEADLINE_S)
    bench.answer(Phase.EXECUTED, vehicle_id=OTHER_CAR)
    (stray,) = bench.strays
    assert (stray.kind, stray.attempt_id) == (StrayKind.ORPHAN, "attempt-c1")


def test_late_answers_are_orphans_after_the_window() -> None:
    """Ended attempts are forgotten after the late window."""
    bench = TrackerBench()
    bench.send()
    bench.wait(DEADLINE_S)
    bench.wait(LATE_WINDOW_S - 1)
    bench.received()
    bench.wait(1)
    bench.executed()
    assert [stray.kind for stray in bench.strays] == [StrayKind.LATE, StrayKind.ORPHAN]


def test_no_more_than_the_limit_is_remembered() -> None:
    """Memory is bounded: of many ended attempts the oldest are forgotten."""
    bench = TrackerBench(max_remembered=10)
    for number in range(25):
        bench.send(f"c{number}")
        bench.refused(Reason.BUSY, f"c{number}")
    known = [number for number in range(25) if bench.tracker.knows(f"c{number}")]
    assert known == list(range(15, 25))


def test_answer_of_another_car_names_it() -> None:
    """The record says which car answered in place of the right one."""
    bench = TrackerBench()
    bench.send()
    bench.answer(Phase.EXECUTED, vehicle_id=OTHER_CAR)
    bench.wait(DEADLINE_S)
    assert bench.only().evidence["answered_by"] == OTHER_CAR
    assert bench.only().outcome is Outcome.UNKNOWN


@pytest.mark.parametrize("phase", list(Phase))
def test_answer_of_another_car_does_not_spoil_the_right_one(phase: Phase) -> None:
    """Anybody may claim anything: the car that was asked opened. The record names the other."""
    bench = TrackerBench()
    bench.send()
    bench.answer(phase, vehicle_id=OTHER_CAR)
    bench.received()
    bench.executed()
    bench.opened()
    assert bench.only().outcome is Outcome.OK
    assert bench.only().flags == (Flag.ANSWERED_BY_ANOTHER,)
    assert bench.only().evidence["answered_by"] == OTHER_CAR


@pytest.mark.parametrize("phase", [Phase.RECEIVED, Phase.EXECUTED])
def test_state_without_a_command_id_counts_after_an_answer(phase: Phase) -> None:
    """A box that does not say what moved the lock is believed once it has answered, not before."""
    bench = TrackerBench()
    bench.send()
    bench.opened(moved_by=None)
    bench.answer(phase)
    assert bench.attempts == []
    bench.opened(moved_by=None)
    if phase is Phase.RECEIVED:
        bench.executed()
    assert bench.only().outcome is Outcome.OK


def test_a_car_that_somebody_opens_by_hand_concerns_no_unlock() -> None:
    """Its own has ended or was never asked for; that of another car goes on."""
    bench = TrackerBench()
    bench.send()
    bench.executed()
    bench.opened(moved_by=None, vehicle_id=OTHER_CAR)
    assert bench.attempts == []
    bench.opened()
    bench.opened(moved_by=None)
    assert len(bench.records) == 1


def test_state_of_another_command_does_not_count() -> None:
    """A lock that another command moved confirms nothing about ours."""
    bench = TrackerBench()
    bench.send()
    bench.executed()
    bench.opened(moved_by="another")
    assert bench.attempts == []


def test_retained_state_does_not_count() -> None:
    """What waited at the broker is older than the command."""
    bench = TrackerBench()
    bench.send()
    bench.executed()
    bench.opened(retained=True)
    assert bench.attempts == []


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


def test_a_copy_that_is_passed_over_hides_no_late_unlock() -> None:
    """What we follow, or followed, stays ours."""
    bench = TrackerBench()
    bench.send()
    bench.another_probe("c1")
    bench.wait(DEADLINE_S)
    bench.another_probe("c1")
    bench.executed()
    assert [stray.is_late_unlock for stray in bench.strays] == [True]


def test_answers_that_overtake_the_copy_of_their_command_wait_for_it() -> None:
    """Two publishers' messages come in any order: neither orphans nor a lost result come of it."""
    bench = TrackerBench(is_watching=True)
    bench.received("k1")
    bench.wait(1)
    bench.executed("k1", since_received_s=0.75)
    bench.wait(0.25)
    bench.customer("k1")
    bench.opened("k1")
    attempt = bench.only()
    assert attempt.outcome is Outcome.OK
    assert (attempt.started_at, attempt.total_s) == (EPOCH_S, 1.25)
    assert attempt.stages["result_received"] == 1.0
    assert attempt.flags == (Flag.OUT_OF_ORDER,)
    check_arithmetic(attempt)
    bench.wait(HOLD_S)
    assert bench.strays == []


def test_all_that_a_car_says_may_overtake_its_command() -> None:
    """An open lock waits as an answer does, also where the answer was a refusal before."""
    bench = TrackerBench(is_watching=True)
    bench.executed("k1")
    bench.opened("k1")
    bench.customer("k1")
    assert bench.only().outcome is Outcome.OK
    bench.refused(Reason.BUSY, "k2")
    bench.customer("k2")
    assert bench.attempts[-1].cause is Cause.BOX_BUSY
    assert bench.strays == []


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


def test_an_orphan_is_found_whatever_else_is_asked_for_meanwhile() -> None:
    """Customers' unlocks go on while an answer waits in vain for its command."""
    bench = TrackerBench(is_watching=True)
    bench.executed("never-sent")
    bench.received("k1")
    bench.customer("k1")
    bench.customer("k2")
    bench.wait(HOLD_S)
    assert [stray.command_id for stray in bench.strays] == ["never-sent"]


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


def test_customers_lock_is_no_unlock() -> None:
    """Answers to a lock command are neither an attempt nor orphans."""
    bench = TrackerBench()
    bench.customer("k1", Action.LOCK)
    bench.executed("k1")
    bench.wait(DEADLINE_S)
    assert bench.records == []


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


def test_wall_clock_that_jumps_changes_no_duration() -> None:
    """Durations come from the monotonic clock alone."""
    bench = TrackerBench()
    bench.send()
    bench.clock.wall_s -= 86_400
    bench.wait(1)
    bench.received()
    bench.clock.wall_s += 10 * 86_400
    bench.wait(1)
    bench.executed()
    bench.opened()
    assert bench.only().total_s == 2.0
    assert bench.only().started_at == EPOCH_S
    check_arithmetic(bench.only())


def test_box_durations_cannot_break_the_order() -> None:
    """A box that claims to have worked for a year is kept between what we saw ourselves."""
    bench = TrackerBench()
    bench.send()
    bench.received()
    bench.wait(1)
    bench.executed(since_received_s=3e7)
    bench.opened()
    assert bench.only().stages["box_executed"] == bench.only().stages["result_received"] == 1.0


def test_lost_broker_ends_all_in_flight_at_once() -> None:
    """Nobody knows what became of what was in flight, and nothing is left open."""
    bench = TrackerBench()
    for number in range(3):
        bench.send(f"c{number}")
    bench.wait(4)
    bench.tracker.broker_lost("keepalive")
    assert [attempt.reason for attempt in bench.attempts] == ["keepalive"] * 3
    assert all(attempt.total_s == 4.0 for attempt in bench.attempts)
    assert len(bench.tracker) == 0


def test_customers_unlock_outlasts_a_blink_of_our_own_connection() -> None:
    """What comes after a second and a half without a connection counts as if there had been one."""
    bench = TrackerBench()
    bench.customer("k1")
    bench.customer("k2")
    bench.customer("k3")
    bench.received("k1")
    bench.tracker.broker_lost("keepalive")
    assert bench.attempts == []
    bench.wait(1.5)
    bench.executed("k1")
    bench.opened("k1")
    bench.refused(Reason.BUSY, "k2")
    assert [attempt.cause for attempt in bench.attempts] == [None, Cause.BOX_BUSY]
    bench.wait(DEADLINE_S)
    missed = bench.attempts[-1]
    assert (missed.cause, missed.reason) == (Cause.NOT_OBSERVED, "keepalive")
    assert missed.total_s == DEADLINE_S


def test_what_was_begun_after_a_blink_is_judged_as_ever() -> None:
    """Only what was open while nobody listened is not observed."""
    bench = TrackerBench()
    bench.tracker.broker_lost("keepalive")
    bench.wait(1.5)
    bench.customer("k1")
    bench.wait(DEADLINE_S)
    assert bench.only().cause is Cause.BOX_OFFLINE


@pytest.mark.parametrize(("late_s", "cause"), [(5.5, Cause.NOT_OBSERVED), (1.0, Cause.BOX_SILENT)])
def test_no_car_is_blamed_for_what_the_monitor_began_late(late_s: float, cause: Cause) -> None:
    """A monitor that is too busy to ask in time says so; a car that has enough of it is silent."""
    bench = TrackerBench()
    bench.presence()
    bench.wait(DEADLINE_S)
    bench.start(late_s=late_s)
    bench.tracker.published("c1")
    bench.tracker.acknowledged("c1", 0)
    bench.wait(DEADLINE_S)
    assert bench.only().cause is cause
    assert ("late" in (bench.only().reason or "")) is (cause is Cause.NOT_OBSERVED)


def test_what_was_begun_late_and_opens_went_well() -> None:
    """Its customer would have waited so long: the time counts from when it was due."""
    bench = TrackerBench()
    bench.start(late_s=5.5)
    bench.executed()
    bench.opened()
    assert (bench.only().cause, bench.only().total_s) == (None, 5.5)


def test_stopping_tells_no_customer_that_he_failed() -> None:
    """What was open was not seen to its end: the record says so, and a late unlock is none."""
    bench = TrackerBench()
    bench.customer("k1")
    bench.tracker.interrupt()
    assert bench.only().cause is Cause.NOT_OBSERVED
    assert bench.only().reason == "the probe was stopped"
    bench.executed("k1")
    assert [stray.is_late_unlock for stray in bench.strays] == [False]


def test_a_command_that_could_not_be_sent_says_why() -> None:
    """The reason stands in the record, and the attempt ends when it was given up."""
    bench = TrackerBench()
    bench.start()
    bench.clock.now_s += 0.5
    bench.tracker.fail("c1", Cause.NOT_PUBLISHED, "queue is full")
    assert (bench.only().reason, bench.only().total_s) == ("queue is full", 0.5)


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


def test_a_car_that_is_taken_out_of_service_has_no_box() -> None:
    """What was known of it explains no unlock any more."""
    bench = TrackerBench()
    bench.presence(PresenceReason.SLEEP, retained=True)
    bench.presence(PresenceReason.SLEEP, vehicle_id=OTHER_CAR, retained=True)
    bench.tracker.removed(CAR)
    bench.send()
    bench.send("c2", OTHER_CAR)
    bench.wait(DEADLINE_S)
    assert [one.cause for one in bench.attempts] == [Cause.BOX_OFFLINE, Cause.BOX_ASLEEP]


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


def test_start_later_than_the_deadline_ends_at_once() -> None:
    """A machine that was asleep does not wait for answers that nobody waits for any more."""
    bench = TrackerBench()
    bench.start(late_s=DEADLINE_S + 5)
    bench.tracker.tick()
    assert bench.only().cause is Cause.NOT_OBSERVED
    check_arithmetic(bench.only())


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


def test_a_command_that_is_published_twice_at_once_says_so() -> None:
    """A copy that comes later may be somebody else's: it is noted by its answers alone."""
    bench = TrackerBench(is_watching=True)
    bench.customer("at-once")
    bench.wait(0.0002)
    bench.customer("at-once")
    bench.customer("later")
    bench.wait(5.0)
    bench.customer("later")
    for command_id in ("at-once", "later"):
        bench.received(command_id)
        bench.executed(command_id)
        bench.opened(command_id)
    assert [one.flags for one in bench.attempts] == [(Flag.SENT_TWICE,), ()]


def test_a_box_that_refuses_the_copy_first_has_not_refused() -> None:
    """It executes the command all the while, and says so a second later."""
    bench = TrackerBench(is_watching=True)
    bench.customer()
    bench.refused(Reason.REPLAYED, "k1")
    bench.wait(1.0)
    bench.executed("k1")
    bench.opened("k1")
    attempt = bench.only()
    assert (attempt.cause, attempt.flags) == (None, (Flag.DUPLICATE,))
    assert attempt.stages[Stage.RESULT_RECEIVED] == pytest.approx(1.0)


def test_a_box_that_is_busy_with_the_command_refuses_its_copy() -> None:
    """Where the command is known to have come twice; else busy is its answer."""
    bench = TrackerBench(is_watching=True)
    for _ in range(2):
        bench.customer()
    bench.refused(Reason.BUSY, "k1")
    bench.wait(1.0)
    bench.executed("k1")
    bench.opened("k1")
    bench.customer("k2")
    bench.refused(Reason.BUSY, "k2")
    assert [one.cause for one in bench.attempts] == [None, Cause.BOX_BUSY]


def test_a_command_that_is_refused_as_replayed_ends_when_it_was() -> None:
    """Nothing else comes: the box took it for a copy, and the record says when."""
    bench = TrackerBench(is_watching=True)
    bench.customer()
    bench.wait(0.5)
    bench.refused(Reason.REPLAYED, "k1")
    bench.wait(WORK_S + 1.0)
    attempt = bench.only()
    assert (attempt.cause, attempt.reason) == (Cause.BOX_REJECTED, "replayed")
    assert attempt.total_s == pytest.approx(0.5)


def test_a_refused_copy_of_a_car_that_opened_is_no_refusal() -> None:
    """The car reports its open lock, and its answer is lost."""
    bench = TrackerBench(is_watching=True)
    bench.customer()
    bench.refused(Reason.REPLAYED, "k1")
    bench.opened("k1")
    bench.wait(DEADLINE_S)
    assert bench.only().cause is Cause.RESULT_LOST


@pytest.mark.parametrize("ends", ["interrupt", "broker_lost"])
def test_a_refusal_that_may_be_of_a_copy_counts_when_the_monitor_stops(ends: str) -> None:
    """The box has said so, whatever would have come."""
    bench = TrackerBench(is_watching=True)
    bench.customer()
    bench.refused(Reason.REPLAYED, "k1")
    if ends == "interrupt":
        bench.tracker.interrupt()
    else:
        bench.tracker.broker_lost("gone")
    assert bench.only().cause is Cause.BOX_REJECTED
