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

SCRIPTS = {
    "not_published": [
        "start; fail not_published",
        "start",
    ],
    "broker_unreachable": [
        "start; fail broker_unreachable",
        "send; received; lost",
        "start; published",
    ],
    "broker_denied": ["start; published; puback 135"],
    "no_subscriber": ["start; published; puback 16"],
    "box_offline": [
        "send",
        "presence last_will; send",
        "presence; send; wait 3; presence last_will",
        "retained last_will; send; wait 18; presence; heartbeat",
    ],
    "box_asleep": [
        "retained sleep; send",
        "presence sleep; send; wait 19; presence",
        "presence sleep; send; wait 18; presence; received",
    ],
    "box_silent": [
        "presence; wait 60; send",
        f"presence; wait 60; send; wait {CROSSING_S}; heartbeat",
        "presence; start; wait 5; published; puback 0; wait 1; heartbeat",
        "presence; send; wait 1; retained",
    ],
    "downlink_lost": [
        "presence; send; wait 10; answers_another",
        "presence; send; wait 10; heartbeat",
        "presence; send; wait 10; locked somebody-else",
        "presence; presence last_will; send; wait 10; heartbeat",  # the will is of a ghost
    ],
    "execution_silent": [
        "send; received; wait 10; heartbeat",
        f"presence sleep; send; wait {DEADLINE_S - WORK_S}; presence; received",
        "presence; send; wait 18; received",
        "send; another_received; received",
    ],
    "box_says_expired": ["send; refused expired"],
    "box_rejected": ["send; refused bad_signature"],
    "box_busy": [
        "send; received; refused busy",
        "send; another_received; refused busy",
    ],
    "result_lost": [
        "send; opened",
        "send; received; opened",
    ],
    "vehicle_failed": ["send; received; refused can_bus_no_ack"],
    "vehicle_state": ["send; refused wrong_vehicle_state"],
    "door_unconfirmed": [
        "send; received; executed",
        "send; received; executed; locked c1",
    ],
    "not_observed": [
        "send; received; interrupt",
        "customer; wait 1; lost",
        "customer; executed k1; lost",  # the state may have come meanwhile
    ],
    "unclassified": [
        "send; refused",
        "send; another_executed",
        "send; another_opened",
    ],
}
"""What happens, by the cause that is concluded. What is open at the end runs into its deadline."""

STEPS: dict[str, Callable[..., object]] = {
    "another_executed": lambda bench: bench.answer(Phase.EXECUTED, vehicle_id=OTHER_CAR),
    "another_opened": lambda bench: bench.opened(vehicle_id=OTHER_CAR),
    "another_received": lambda bench: bench.answer(Phase.RECEIVED, vehicle_id=OTHER_CAR),
    "answers_another": lambda bench: bench.answer(Phase.EXECUTED, "somebody-elses"),
    "customer": TrackerBench.customer,
    "executed": TrackerBench.executed,
    "fail": lambda bench, cause: bench.tracker.fail("c1", Cause(cause), "as it is"),
    "heartbeat": lambda bench: bench.tracker.telemetry(CAR, HEARTBEAT),
    "interrupt": lambda bench: bench.tracker.interrupt(),
    "locked": lambda bench, by: bench.opened(by, is_locked=True),
    "lost": lambda bench: bench.tracker.broker_lost("broker_closed"),
    "opened": TrackerBench.opened,
    "presence": lambda bench, *why: bench.presence(*map(PresenceReason, why)),
    "puback": lambda bench, code: bench.tracker.acknowledged("c1", int(code)),
    "published": lambda bench: bench.tracker.published("c1"),
    "received": TrackerBench.received,
    "refused": lambda bench, why=None: bench.refused(why and Reason(why)),
    "retained": lambda bench, *why: bench.presence(*map(PresenceReason, why), retained=True),
    "send": TrackerBench.send,
    "start": TrackerBench.start,
    "wait": lambda bench, seconds: bench.wait(float(seconds)),
}


@pytest.mark.parametrize(
    ("cause", "script"), [(cause, script) for cause in SCRIPTS for script in SCRIPTS[cause]]
)
def test_script_ends_in_its_cause(cause: str, script: str) -> None:
    """What happens in the script is concluded to be this cause."""
    bench = TrackerBench()
    for step in script.split("; "):
        name, *words = step.split()
        STEPS[name](bench, *words)
    bench.wait(DEADLINE_S)
    attempt = bench.only()
    assert attempt.cause is Cause(cause)
    assert attempt.outcome is CAUSES[Cause(cause)].outcome
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
    assert {*SCRIPTS} == {*Cause} - by_the_platform


@pytest.mark.parametrize("reason", list(Reason))
def test_every_refusal_has_a_cause(reason: Reason) -> None:
    """A box's reason maps to a cause, and stays readable in the record."""
    bench = TrackerBench()
    bench.send()
    bench.refused(reason)
    bench.wait(WORK_S)
    assert bench.only().cause is CAUSE_OF_REASON[reason]
    assert bench.only().reason == reason.value
