"""Causes: for each that the probe can conclude, scripts of what happens that must end in it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from fleet_wire.contract.attempt import UNREAD, Stage
from fleet_wire.contract.causes import CAUSES, Cause, Outcome
from fleet_wire.contract.messages import (
    Phase,
    Presence,
    PresenceReason,
    PresenceStatus,
    Reason,
)
from fleet_wire.contract.topics import TopicKind
from platform_probe.measure.attempts.conclusion import CAUSE_OF_REASON, CROSSING_S, WORK_S
from tests.helpers.hand_made_boxes import state_of
from tests.helpers.tracker_bench import (
    CAR,
    DEADLINE_S,
    HEARTBEAT,
    OTHER_CAR,
    TrackerBench,
    check_arithmetic,
)

Script = Callable[[TrackerBench], None]
SCRIPTS: list[tuple[Cause, str, Script]] = []


def script(cause: Cause) -> Callable[[Script], Script]:
    """Add a script that must end in `cause`. What is still open at its end runs into time."""

    def add(steps: Script) -> Script:
        SCRIPTS.append((cause, steps.__name__.strip("_"), steps))
        return steps

    return add


@script(Cause.NOT_PUBLISHED)
def _link_did_not_take_it(bench: TrackerBench) -> None:
    bench.start()
    bench.tracker.fail("c1", Cause.NOT_PUBLISHED, "queue is full")


@script(Cause.NOT_PUBLISHED)
def _never_handed_to_the_link(bench: TrackerBench) -> None:
    bench.start()


@script(Cause.BROKER_UNREACHABLE)
def _no_connection_at_start(bench: TrackerBench) -> None:
    bench.start()
    bench.tracker.fail("c1", Cause.BROKER_UNREACHABLE, "not connected")


@script(Cause.BROKER_UNREACHABLE)
def _connection_lost_in_flight(bench: TrackerBench) -> None:
    bench.send()
    bench.received()
    bench.tracker.broker_lost("broker_closed")


@script(Cause.BROKER_UNREACHABLE)
def _no_puback(bench: TrackerBench) -> None:
    bench.start()
    bench.tracker.published("c1")


@script(Cause.BROKER_DENIED)
def _puback_not_authorized(bench: TrackerBench) -> None:
    bench.start()
    bench.tracker.published("c1")
    bench.tracker.acknowledged("c1", 135)


@script(Cause.NO_SUBSCRIBER)
def _puback_no_matching_subscribers(bench: TrackerBench) -> None:
    bench.start()
    bench.tracker.published("c1")
    bench.tracker.acknowledged("c1", 16)


@script(Cause.BOX_OFFLINE)
def _offline_by_last_will(bench: TrackerBench) -> None:
    bench.presence(PresenceReason.LAST_WILL)
    bench.send()


@script(Cause.BOX_OFFLINE)
def _will_comes_after_the_command(bench: TrackerBench) -> None:
    bench.presence()
    bench.send()
    bench.wait(3)
    bench.presence(PresenceReason.LAST_WILL)


@script(Cause.BOX_OFFLINE)
def _came_back_too_late(bench: TrackerBench) -> None:
    bench.presence(PresenceReason.LAST_WILL, retained=True)
    bench.send()
    bench.wait(18)
    bench.presence()
    bench.tracker.telemetry(CAR, HEARTBEAT)


@script(Cause.BOX_OFFLINE)
def _never_heard_of(bench: TrackerBench) -> None:
    bench.send()


@script(Cause.BOX_ASLEEP)
def _asleep_all_the_time(bench: TrackerBench) -> None:
    bench.presence(PresenceReason.SLEEP, retained=True)
    bench.send()


@script(Cause.BOX_ASLEEP)
def _woke_too_late(bench: TrackerBench) -> None:
    bench.presence(PresenceReason.SLEEP)
    bench.send()
    bench.wait(19)
    bench.presence()


@script(Cause.BOX_ASLEEP)
def _woke_too_late_to_finish(bench: TrackerBench) -> None:
    bench.presence(PresenceReason.SLEEP)
    bench.send()
    bench.wait(18)
    bench.presence()
    bench.received()


@script(Cause.EXECUTION_SILENT)
def _woke_in_time_and_never_finished(bench: TrackerBench) -> None:
    bench.presence(PresenceReason.SLEEP)
    bench.send()
    bench.wait(DEADLINE_S - WORK_S)
    bench.presence()
    bench.received()


@script(Cause.EXECUTION_SILENT)
def _got_it_late_though_it_was_awake(bench: TrackerBench) -> None:
    bench.presence()
    bench.send()
    bench.wait(18)
    bench.received()


@script(Cause.BOX_SILENT)
def _online_and_nothing_heard(bench: TrackerBench) -> None:
    bench.presence()
    bench.wait(60)
    bench.send()


@script(Cause.BOX_SILENT)
def _last_heartbeat_crossed_the_command(bench: TrackerBench) -> None:
    bench.presence()
    bench.wait(60)
    bench.send()
    bench.wait(CROSSING_S)
    bench.tracker.telemetry(CAR, HEARTBEAT)


@script(Cause.BOX_SILENT)
def _last_heartbeat_crossed_a_command_that_was_sent_late(bench: TrackerBench) -> None:
    bench.presence()
    bench.start()
    bench.wait(5)
    bench.tracker.published("c1")
    bench.tracker.acknowledged("c1", 0)
    bench.wait(1)
    bench.tracker.telemetry(CAR, HEARTBEAT)


@script(Cause.BOX_SILENT)
def _what_is_retained_comes_again_because_we_subscribe_again(bench: TrackerBench) -> None:
    bench.presence()
    bench.send()
    bench.wait(1)
    bench.presence(retained=True)


@script(Cause.DOWNLINK_LOST)
def _answers_to_others_go_on(bench: TrackerBench) -> None:
    bench.presence()
    bench.send()
    bench.wait(10)
    bench.answer(Phase.EXECUTED, "somebody-elses")


@script(Cause.DOWNLINK_LOST)
def _heartbeats_go_on(bench: TrackerBench) -> None:
    bench.presence()
    bench.send()
    bench.wait(10)
    bench.tracker.telemetry(CAR, HEARTBEAT)


@script(Cause.DOWNLINK_LOST)
def _states_go_on(bench: TrackerBench) -> None:
    bench.presence()
    bench.send()
    bench.wait(10)
    bench.opened(moved_by="somebody-else", is_locked=True)


@script(Cause.DOWNLINK_LOST)
def _heartbeats_though_a_ghost_of_a_will_says_offline(bench: TrackerBench) -> None:
    bench.presence()
    bench.presence(PresenceReason.LAST_WILL)
    bench.send()
    bench.wait(10)
    bench.tracker.telemetry(CAR, HEARTBEAT)


@script(Cause.BOX_SAYS_EXPIRED)
def _expired(bench: TrackerBench) -> None:
    bench.send()
    bench.refused(Reason.EXPIRED)


@script(Cause.BOX_REJECTED)
def _bad_signature(bench: TrackerBench) -> None:
    bench.send()
    bench.refused(Reason.BAD_SIGNATURE)


@script(Cause.BOX_BUSY)
def _busy(bench: TrackerBench) -> None:
    bench.send()
    bench.received()
    bench.refused(Reason.BUSY)


@script(Cause.EXECUTION_SILENT)
def _received_and_nothing_more(bench: TrackerBench) -> None:
    bench.send()
    bench.received()
    bench.wait(10)
    bench.tracker.telemetry(CAR, HEARTBEAT)


@script(Cause.RESULT_LOST)
def _open_without_an_answer(bench: TrackerBench) -> None:
    bench.send()
    bench.opened()


@script(Cause.RESULT_LOST)
def _received_and_open_without_an_answer(bench: TrackerBench) -> None:
    bench.send()
    bench.received()
    bench.opened()


@script(Cause.VEHICLE_FAILED)
def _can_bus(bench: TrackerBench) -> None:
    bench.send()
    bench.received()
    bench.refused(Reason.CAN_BUS_NO_ACK)


@script(Cause.VEHICLE_STATE)
def _ignition_on(bench: TrackerBench) -> None:
    bench.send()
    bench.refused(Reason.WRONG_VEHICLE_STATE)


@script(Cause.DOOR_UNCONFIRMED)
def _executed_and_no_state(bench: TrackerBench) -> None:
    bench.send()
    bench.received()
    bench.executed()


@script(Cause.DOOR_UNCONFIRMED)
def _executed_and_still_locked(bench: TrackerBench) -> None:
    bench.send()
    bench.received()
    bench.executed()
    bench.opened(is_locked=True)


@script(Cause.NOT_OBSERVED)
def _stopped(bench: TrackerBench) -> None:
    bench.send()
    bench.received()
    bench.tracker.interrupt()


@script(Cause.NOT_OBSERVED)
def _customers_unlock_while_our_own_connection_was_down(bench: TrackerBench) -> None:
    bench.customer("k1")
    bench.wait(1)
    bench.tracker.broker_lost("keepalive")


@script(Cause.NOT_OBSERVED)
def _executed_and_the_state_may_have_come_while_we_were_away(bench: TrackerBench) -> None:
    bench.customer("k1")
    bench.executed("k1")
    bench.tracker.broker_lost("keepalive")


@script(Cause.UNCLASSIFIED)
def _refused_without_a_reason(bench: TrackerBench) -> None:
    bench.send()
    bench.refused(None)


@script(Cause.UNCLASSIFIED)
def _answered_by_another_car(bench: TrackerBench) -> None:
    bench.send()
    bench.answer(Phase.EXECUTED, vehicle_id=OTHER_CAR)


@script(Cause.EXECUTION_SILENT)
def _confirmed_by_both_cars(bench: TrackerBench) -> None:
    bench.send()
    bench.answer(Phase.RECEIVED, vehicle_id=OTHER_CAR)
    bench.received()


@script(Cause.UNCLASSIFIED)
def _another_car_opened(bench: TrackerBench) -> None:
    bench.send()
    bench.opened(vehicle_id=OTHER_CAR)


@script(Cause.BOX_BUSY)
def _refused_after_another_car_answered(bench: TrackerBench) -> None:
    bench.send()
    bench.answer(Phase.RECEIVED, vehicle_id=OTHER_CAR)
    bench.refused(Reason.BUSY)


@pytest.mark.parametrize(
    ("cause", "steps"), [pytest.param(cause, steps, id=name) for cause, name, steps in SCRIPTS]
)
def test_script_ends_in_its_cause(cause: Cause, steps: Script) -> None:
    """What happens in the script is concluded to be this cause."""
    bench = TrackerBench()
    steps(bench)
    bench.wait(DEADLINE_S)
    attempt = bench.only()
    assert attempt.cause is cause
    assert attempt.outcome is CAUSES[cause].outcome
    assert attempt.evidence["furthest_stage"] in set(Stage)
    check_arithmetic(attempt)


@pytest.mark.parametrize(
    ("is_watching", "cause"), [(True, Cause.NO_SUBSCRIBER), (False, Cause.BOX_OFFLINE)]
)
def test_a_car_that_the_broker_knows_nothing_of(*, is_watching: bool, cause: Cause) -> None:
    """A watching probe is itself the subscriber that the broker counts: its silence decides."""
    bench = TrackerBench(is_watching=is_watching)
    bench.send()
    bench.wait(DEADLINE_S)
    assert bench.only().cause is cause
    assert bench.only().evidence["never_heard_of"] is True


def test_the_record_says_what_the_cause_was_concluded_from() -> None:
    """Who is on call reads there what was known of the box, and how long ago it said so."""
    bench = TrackerBench()
    bench.presence()
    bench.opened(moved_by=None, is_locked=True)
    bench.wait(10)
    bench.tracker.telemetry(CAR, HEARTBEAT)
    bench.wait(5)
    bench.presence()
    bench.wait(5)
    bench.send()
    bench.wait(2.25006)
    bench.presence(PresenceReason.LAST_WILL)
    bench.wait(DEADLINE_S)
    assert bench.only().evidence == {
        "furthest_stage": "broker_accepted",
        "puback": 0,
        "presence": "offline",
        "presence_at_start": "online",
        "presence_changed_ago_s": DEADLINE_S - 2.25,
        "offline_reason": "last_will",
        "heard_ago_s": DEADLINE_S + 5,
        "heartbeat_ago_s": DEADLINE_S + 10,
        "heard_after_command": False,
        "is_locked": True,
        "voltage_v": HEARTBEAT.voltage_v,
    }


def test_the_record_says_that_the_box_was_heard_after_the_command() -> None:
    """So that its silence about the command is no silence of the box."""
    bench = TrackerBench()
    bench.send()
    bench.wait(10)
    bench.tracker.telemetry(CAR, HEARTBEAT)
    bench.wait(DEADLINE_S)
    assert bench.only().evidence["heard_after_command"] is True


def test_what_is_not_known_is_left_out_of_the_record() -> None:
    """An empty voltage would look like one that was measured."""
    bench = TrackerBench()
    bench.presence(retained=True)
    bench.send()
    bench.wait(DEADLINE_S)
    assert bench.only().evidence == {
        "furthest_stage": "broker_accepted",
        "puback": 0,
        "presence": "online",
        "presence_at_start": "online",
        "heard_after_command": False,
    }


def test_of_a_car_that_only_beats_the_record_says_nothing_else() -> None:
    """Nobody knows whether it is locked, nor where it stands with the broker."""
    bench = TrackerBench()
    bench.tracker.telemetry(CAR, HEARTBEAT)
    bench.send()
    bench.wait(DEADLINE_S)
    assert bench.only().evidence == {
        "furthest_stage": "broker_accepted",
        "puback": 0,
        "heard_ago_s": DEADLINE_S,
        "heartbeat_ago_s": DEADLINE_S,
        "heard_after_command": False,
        "voltage_v": HEARTBEAT.voltage_v,
    }


def test_a_message_is_news_unless_it_says_that_it_was_retained() -> None:
    """A box that comes back after the command was away."""
    bench = TrackerBench()
    bench.send()
    bench.tracker.presence(CAR, Presence(PresenceStatus.OFFLINE, "s1", PresenceReason.SLEEP))
    bench.wait(1)
    bench.tracker.presence(CAR, Presence(PresenceStatus.ONLINE, "s1"))
    bench.wait(DEADLINE_S)
    assert bench.only().cause is Cause.BOX_OFFLINE


@pytest.mark.parametrize(
    ("retained", "cause"), [(True, Cause.NO_SUBSCRIBER), (False, Cause.BOX_SILENT)]
)
def test_a_state_that_was_retained_is_no_sign_of_a_box(*, retained: bool, cause: Cause) -> None:
    """It may be as old as the broker; one that the car has sent just now is a sign."""
    bench = TrackerBench(is_watching=True)
    bench.opened(moved_by=None, is_locked=True, retained=retained)
    bench.send()
    bench.wait(DEADLINE_S)
    assert bench.only().cause is cause


def test_a_state_is_news_unless_it_says_that_it_was_retained() -> None:
    """The car opens by it."""
    bench = TrackerBench()
    bench.send()
    bench.executed()
    bench.tracker.state(CAR, state_of(CAR, is_locked=False, command_id="c1"))
    assert bench.only().outcome is Outcome.OK


def test_a_car_that_has_ever_answered_has_a_box() -> None:
    """Nobody looks for a box that was never fitted where one refused a moment ago."""
    bench = TrackerBench(is_watching=True)
    bench.send("c0")
    bench.refused(Reason.BUSY, "c0")
    bench.send("c1")
    bench.wait(DEADLINE_S)
    assert bench.attempts[-1].cause is Cause.BOX_SILENT


@pytest.mark.parametrize(
    ("kinds", "cause"),
    [
        ((TopicKind.RESULT,), Cause.UNCLASSIFIED),
        ((TopicKind.STATE, TopicKind.RESULT, TopicKind.RESULT), Cause.UNCLASSIFIED),
        ((TopicKind.TELEMETRY,), Cause.DOWNLINK_LOST),
        ((TopicKind.PRESENCE,), Cause.BOX_SILENT),
    ],
)
def test_a_car_whose_messages_cannot_be_read_has_not_been_silent(
    kinds: tuple[TopicKind, ...], cause: Cause
) -> None:
    """Its answer may be among them; a heartbeat is none, and a last will is not even the box's."""
    bench = TrackerBench()
    bench.presence()
    bench.start()
    bench.tracker.unread(CAR, TopicKind.RESULT)  # to something before
    bench.tracker.published("c1")
    bench.tracker.acknowledged("c1", 0)
    bench.wait(CROSSING_S + 1)
    bench.tracker.unread(OTHER_CAR, TopicKind.RESULT)
    for kind in kinds:
        bench.tracker.unread(CAR, kind)
    bench.wait(DEADLINE_S)
    attempt = bench.only()
    assert attempt.cause is cause
    assert attempt.evidence["unread"] == {kind.value: kinds.count(kind) for kind in kinds}
    assert attempt.reason == (UNREAD if cause is Cause.UNCLASSIFIED else None)


def test_what_could_not_be_read_says_nothing_where_all_was_read_that_was_waited_for() -> None:
    """A copy of the answer that is broken does not make it doubtful; a broken state does."""
    for kind, cause in (
        (TopicKind.RESULT, Cause.DOOR_UNCONFIRMED),
        (TopicKind.STATE, Cause.UNCLASSIFIED),
    ):
        bench = TrackerBench()
        bench.send()
        bench.executed()
        bench.tracker.unread(CAR, kind)
        bench.wait(DEADLINE_S)
        assert bench.only().cause is cause
    bench = TrackerBench()
    bench.send()
    bench.tracker.unread(CAR, TopicKind.RESULT)
    bench.received()
    bench.opened()
    bench.wait(DEADLINE_S)
    assert bench.only().cause is Cause.RESULT_LOST


@pytest.mark.parametrize("code", [16, 128, 135])
def test_the_record_has_the_brokers_reason_code(code: int) -> None:
    """What the broker said of the command can be looked up."""
    bench = TrackerBench()
    bench.start()
    bench.tracker.published("c1")
    bench.tracker.acknowledged("c1", code)
    assert bench.only().reason == f"MQTT reason code {code}"
    assert bench.only().evidence["puback"] == code


def test_a_watching_probe_believes_what_is_retained() -> None:
    """A box that ever had a session has said so: it is offline, and somebody subscribes."""
    bench = TrackerBench(is_watching=True)
    bench.presence(PresenceReason.LAST_WILL, retained=True)
    bench.send()
    bench.wait(DEADLINE_S)
    assert bench.only().cause is Cause.BOX_OFFLINE


def test_every_cause_has_a_script() -> None:
    """A cause that the probe can conclude is never without a script."""
    by_the_platform = {Cause.API_REFUSED, Cause.API_FAILED}
    assert {cause for cause, _, _ in SCRIPTS} == set(Cause) - by_the_platform


@pytest.mark.parametrize("reason", list(Reason))
def test_every_refusal_has_a_cause(reason: Reason) -> None:
    """A box's reason maps to a cause, and stays readable in the record."""
    bench = TrackerBench()
    bench.send()
    bench.refused(reason)
    bench.wait(WORK_S)
    assert bench.only().cause is CAUSE_OF_REASON[reason]
    assert bench.only().reason == reason.value
