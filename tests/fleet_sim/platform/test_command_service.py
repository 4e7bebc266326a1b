"""Tests of `fleet_sim.platform.command_service`: what goes to the cars, when, and how it ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from fleet_sim.cars.distributions import Uniform
from fleet_sim.cars.failpoints import DOWNLINK, RESULT, SMS, UPLINK, OutgoingMessage
from fleet_sim.cars.parameters import NULL_BOX
from fleet_sim.platform.commands import PlatformCommand
from fleet_sim.platform.failpoints import (
    ADDRESS,
    GRACE,
    HEARING,
    PUBLISH,
    RETAIN,
    RETRY,
    SAME,
    WAKE,
)
from fleet_sim.platform.operations import Operation
from fleet_sim.platform.parameters import NULL_PLATFORM
from fleet_wire.contract import problems
from fleet_wire.contract.messages import Phase, Reason, Result
from fleet_wire.contract.platform_log import PlatformStep
from fleet_wire.contract.refusals import refused_because
from fleet_wire.contract.signing import is_signed, vehicle_key
from fleet_wire.contract.topics import TopicKind
from fleet_wire.profiles.loading import load_profile
from tests.helpers.own_wires import OWN_WIRES
from tests.helpers.platform_bench import SECRET, PlatformBench, Told
from tests.helpers.profile_files import profile_of

SLEEPERS = NULL_BOX.model_copy(
    update={"asleep_share": 1.0, "sms_loss": 0.0, "sms_wake": Uniform(base_s=2.0)}
)


@pytest.fixture
def bench() -> PlatformBench:
    """Return a platform and two cars that take no time."""
    return PlatformBench()


def nothing(_usual: Any, _context: Any) -> None:
    """Let nothing happen."""


def no_state(delay_s: float | None, sent: OutgoingMessage) -> float | None:
    """Let the platform hear of no car's state, which tells of commands too."""
    return None if sent.kind is TopicKind.STATE else delay_s


def steps(bench: PlatformBench) -> list[PlatformStep]:
    """Return what the log says of commands."""
    requests = (PlatformStep.REQUESTED, PlatformStep.ANSWERED)
    return [event.event for event in bench.log if event.event not in requests]


def test_commands_are_signed_and_live_no_longer_than_their_booking(bench: PlatformBench) -> None:
    """Counters grow; the broker is told what is left of the life."""
    long, short = bench.book(), bench.book(vehicle_id="car-1", for_s=12.5)
    bench.unlock(long)
    bench.unlock(short)
    first, second = bench.published
    assert first.expires_at_ms - first.issued_at_ms == 30_000
    assert second.expires_at_ms - second.issued_at_ms < 12_500
    assert [message.expiry_s for message in bench.messages] == [30, 13]
    assert second.counter > first.counter
    for car, command in (("car-0", first), ("car-1", second)):
        assert is_signed(vehicle_key(SECRET, car), command)
    assert first.booking_id == long


def test_one_command_to_a_car_after_the_other(bench: PlatformBench) -> None:
    """While another car's goes out at once."""
    booking_id, other = bench.book(), bench.book(vehicle_id="car-1")
    with bench.box().modem.bearer.without_coverage(by=Told()):
        bench.ask(Operation.UNLOCK, booking_id=booking_id)
        bench.ask(Operation.LOCK, booking_id=booking_id)
        bench.ask(Operation.UNLOCK, booking_id=other)
        bench.let_pass(3)
        assert [command.action for command in bench.published] == ["unlock", "unlock"]
    bench.let_pass(1)
    assert [command.action for command in bench.published] == ["unlock", "unlock", "lock"]


def test_a_command_whose_turn_does_not_come_in_its_life(bench: PlatformBench) -> None:
    """It is never published, and its customer learns why when its life is over."""
    booking_id = bench.book()
    with bench.box().modem.bearer.without_coverage(by=Told()):
        bench.ask(Operation.UNLOCK, booking_id=booking_id)
        answers = bench.ask(Operation.LOCK, booking_id=booking_id, wait_s=60)
        bench.let_pass(29)
        assert answers == []
        bench.let_pass(2)
        assert [answer.problem for answer in answers] == [problems.VEHICLE_BUSY]
        bench.let_pass(10)
    assert {command.action for command in bench.published} == {"unlock"}


def test_a_sleeping_car_is_woken_first() -> None:
    """By SMS; the command goes out when it is there."""
    bench = PlatformBench(box=SLEEPERS)
    bench.let_pass(5)
    answer = bench.unlock(bench.book())
    assert answer.status == 200
    assert steps(bench) == [
        PlatformStep.WOKEN,
        PlatformStep.PUBLISHED,
        PlatformStep.ACCEPTED,
        PlatformStep.ENDED,
    ]


def test_a_lost_sms_is_sent_again_and_a_car_that_does_not_come_gets_no_command() -> None:
    """So it cannot open after its customer has gone."""
    bench = PlatformBench(box=SLEEPERS)
    bench.let_pass(5)
    with bench.box().set_action(SMS, nothing, by=Told()):
        answer = bench.unlock(bench.book())
        assert answer.problem is problems.VEHICLE_UNREACHABLE
        assert answer.body["reason"] == "asleep"
        assert steps(bench) == [PlatformStep.WOKEN] * 3 + [PlatformStep.ENDED]
    bench.box().power.receive_sms()
    bench.let_pass(60)
    assert not bench.published


def test_without_an_answer_it_is_published_again_with_the_same_counter(
    bench: PlatformBench,
) -> None:
    """The box executes it once."""
    box, lost = bench.box(), [True, False, False]
    with box.set_action(DOWNLINK, lambda usual, _: None if lost.pop(0) else usual, by=Told()):
        answer = bench.unlock(bench.book())
    assert answer.status == 200
    first, second = bench.published
    assert first == second
    assert box.vehicle.movement == 1


def test_a_lost_answer_does_not_open_the_car_twice(bench: PlatformBench) -> None:
    """The box answers the second copy as it did the first."""
    box = bench.box()
    with box.set_action(RESULT, nothing, by=Told()), box.set_action(UPLINK, no_state, by=Told()):
        answer = bench.unlock(bench.book())
    assert (answer.status, box.vehicle.movement, len(bench.published)) == (200, 1, 2)


def test_the_state_tells_of_a_command_whose_answer_is_lost(bench: PlatformBench) -> None:
    """No second copy is needed."""
    with bench.box().set_action(RESULT, nothing, by=Told()):
        answer = bench.unlock(bench.book())
    assert (answer.status, len(bench.published)) == (200, 1)


def test_after_an_answer_it_is_never_published_again(bench: PlatformBench) -> None:
    """Not even where the car falls silent after it has confirmed the command."""
    answers = iter([True, False])

    def confirm_only(result: Result | None, _command: object) -> Result | None:
        return result if next(answers) else None

    box = bench.box()
    with (
        box.set_action(RESULT, confirm_only, by=Told()),
        box.set_action(UPLINK, no_state, by=Told()),
    ):
        answer = bench.unlock(bench.book())
    assert answer.problem is problems.VEHICLE_SILENT
    assert len(bench.published) == 1


def test_never_more_often_than_said_and_never_beyond_its_life() -> None:
    """Then nobody knows: it may have been executed."""
    parameters = NULL_PLATFORM.model_copy(update={"max_publishes": 100})
    bench = PlatformBench(parameters=parameters)
    with bench.box().modem.bearer.without_coverage(by=Told()):
        booking_id = bench.book()
        answer = bench.unlock(booking_id)
        assert answer.problem is problems.VEHICLE_SILENT
        bench.let_pass(60)
    assert len(bench.published) == 4  # at second 0, 8, 16 and 24 of 30


@pytest.mark.parametrize(
    ("reason", "problem", "state"),
    [
        *(
            (reason, refused_because(reason), "refused")
            for reason in Reason
            if reason is not Reason.REPLAYED
        ),
        (Reason.REPLAYED, problems.VEHICLE_SILENT, "expired"),
    ],
)
def test_what_the_car_refuses(
    bench: PlatformBench, reason: Reason, problem: problems.ProblemType, state: str
) -> None:
    """A replayed command may have been executed before."""

    def refuse(result: Result | None, _command: object) -> Result | None:
        return result and Result(result.command_id, Phase.REFUSED, reason)

    box = bench.box()
    with box.set_action(RESULT, refuse, by=Told()), box.set_action(UPLINK, no_state, by=Told()):
        answer = bench.unlock(bench.book())
    assert answer.problem == problem
    assert (answer.body["state"], answer.body["reason"]) == (state, reason.value)
    assert answer.body["detail"] == problem.sentence


def test_an_answer_that_comes_late_corrects_the_status() -> None:
    """What was unknown becomes known; what was answered is not taken back."""
    bench = PlatformBench()
    box = bench.box()

    def late(result: Result | None, _command: object) -> None:
        if result is not None:
            bench.world.later(50.0, box.modem.publish, TopicKind.RESULT, result)

    with (
        box.set_action(RESULT, late, by=Told()),
        box.set_action(UPLINK, no_state, by=Told()),
        bench.platform.set_action(RETRY, nothing, by=Told()),
    ):
        answer = bench.unlock(bench.book())
        assert answer.problem is problems.VEHICLE_SILENT
        bench.let_pass(60)
    status = bench.answer(Operation.COMMAND_STATUS, command_id=answer.body["command_id"])
    assert status.body["state"] == "executed"


def test_another_cars_answer_is_none(bench: PlatformBench) -> None:
    """Whoever answers must be the car that was meant."""
    booking_id = bench.book()
    with bench.box().modem.bearer.without_coverage(by=Told()):
        (under_way,) = bench.ask(Operation.UNLOCK, booking_id=booking_id)
        result = Result(under_way.body["command_id"], Phase.EXECUTED)
        bench.box(1).modem.publish(TopicKind.RESULT, result)
        bench.let_pass(1)
        status = bench.answer(Operation.COMMAND_STATUS, command_id=result.command_id)
    assert status.body["state"] == "accepted"


def test_nobody_listens_for_the_car() -> None:
    """The broker says so: the command has not gone out, and another may be tried."""
    bench = PlatformBench(cars=1)
    bench.link.disconnect()
    bench.box().modem.shut_down()
    bench.broker.stop()
    bench.let_pass(1)
    bench.broker.start()
    bench.let_pass(10)
    answer = bench.unlock(bench.book())
    assert answer.problem is problems.VEHICLE_UNREACHABLE
    assert answer.body["reason"] == "no_subscriber"


def test_what_a_lost_connection_may_have_lost_is_published_again(bench: PlatformBench) -> None:
    """The same command, over a new connection; the box executes it once."""
    booking_id = bench.book()
    answers = bench.ask(Operation.UNLOCK, booking_id=booking_id, wait_s=60)
    bench.broker.stop()  # before the command has reached it
    bench.let_pass(1)
    bench.broker.start()
    bench.let_pass(20)
    assert [answer.status for answer in answers] == [200]
    assert bench.box().vehicle.movement == 1


def test_a_message_that_breaks_the_contract_is_counted(bench: PlatformBench) -> None:
    """Nothing else happens."""
    for topic, payload in (("cars/car-0/state", b"{"), ("cars/car-0/result", b"[]")):
        bench.link.publish(topic, payload)
    bench.let_pass(1)
    assert bench.platform.service.malformed == 2


def test_with_a_group_results_are_shared() -> None:
    """Presence and state are not."""
    parameters = NULL_PLATFORM.model_copy(update={"shared_group": "platform"})
    bench = PlatformBench(parameters=parameters)
    session = bench.platform.service.connection.session()
    assert session.subscriptions == (
        "$share/platform/cars/+/result",
        "cars/+/presence",
        "cars/+/state",
    )
    assert bench.unlock(bench.book()).status == 200


def late_command(delay_s: float) -> Callable[[float | None, object], float | None]:
    """Return an action that publishes so much later."""
    return lambda _usual_s, _command: delay_s


def test_bends_on_the_way_to_the_broker() -> None:
    """Published later or never, not tried again, not woken: the life of a command holds."""
    bench, told = PlatformBench(), Told()
    booking_id = bench.book()
    with bench.platform.set_action(PUBLISH, late_command(5.0), by=told):
        assert bench.unlock(booking_id).status == 200
    with bench.platform.set_action(PUBLISH, late_command(31.0), by=told):
        assert bench.unlock(booking_id).problem is problems.BROKER_UNAVAILABLE
    with bench.platform.set_action(PUBLISH, nothing, by=told):
        assert bench.unlock(booking_id).problem is problems.VEHICLE_SILENT
    assert len(bench.published) == 1
    with (
        bench.platform.set_action(RETRY, nothing, by=told),
        bench.box().set_action(DOWNLINK, nothing, by=told),
    ):
        assert bench.unlock(booking_id).problem is problems.VEHICLE_SILENT
    assert len(bench.published) == 2
    what = [hit[1] for hit in told.hits if hit[1] != "downlink"]
    assert what == ["publish", "publish", "publish", "retry"]


def test_a_platform_that_believes_a_sleeping_car_online_does_not_wake_it() -> None:
    """The command waits at the broker, and its life ends there."""
    bench = PlatformBench(box=SLEEPERS)
    bench.let_pass(5)
    with bench.platform.set_action(WAKE, lambda _is_asleep, _command: False, by=Told()):
        answer = bench.unlock(bench.book())
    assert answer.problem is problems.VEHICLE_SILENT
    bench.box().power.receive_sms()
    bench.let_pass(60)
    assert bench.box().vehicle.movement == 0


def test_a_moment_without_a_connection_does_not_end_the_repeats_of_a_wake_sms() -> None:
    """One of six falls into it, and is left out."""
    parameters = NULL_PLATFORM.model_copy(
        update={"command_ttl_s": 60.0, "wake_again_after_s": 10.0}
    )
    bench = PlatformBench(box=SLEEPERS.model_copy(update={"sms_loss": 1.0}), parameters=parameters)
    bench.let_pass(5)
    answers = bench.ask(Operation.UNLOCK, booking_id=bench.book(), wait_s=90.0)
    connection = bench.platform.service.connection
    bench.let_pass(9.9)
    assert connection.link is not None
    connection.link.abort()
    bench.let_pass(0.2)
    connection.connect()
    bench.let_pass(80)
    assert len(answers) == 1
    assert steps(bench).count(PlatformStep.WOKEN) == 5


def test_a_command_for_another_box_opens_another_car(bench: PlatformBench) -> None:
    """The answer of that box is taken for the car's; the log names the car that was booked."""
    told = Told()
    with bench.platform.set_action(ADDRESS, lambda _box_id, _command: "car-1", by=told):
        answer = bench.unlock(bench.book())
    assert (answer.status, answer.body["vehicle_id"]) == (200, "car-0")
    assert [bench.box(number).vehicle.is_locked for number in (0, 1)] == [True, False]
    named = {event.vehicle_id for event in bench.log if event.event is PlatformStep.PUBLISHED}
    assert named == {"car-0"}
    assert told.hits == [("car-0", "address", answer.body["command_id"])]


def test_the_box_that_is_taken_for_the_cars_is_woken() -> None:
    """And it is waited for, not the car's own."""
    bench = PlatformBench(box=SLEEPERS)
    bench.let_pass(5)
    with bench.platform.set_action(ADDRESS, lambda _box_id, _command: "car-1", by=Told()):
        assert bench.unlock(bench.book()).status == 200
    assert [bench.box(number).is_asleep for number in (0, 1)] == [True, False]


def test_a_command_that_is_retained_comes_with_every_connect(bench: PlatformBench) -> None:
    """For ever; a sound box answers what it has answered before, and moves nothing."""
    with bench.platform.set_action(RETAIN, lambda _is_kept, _command: True, by=Told()):
        assert bench.unlock(bench.book()).status == 200
    assert bench.world.counts.commands == 1
    bench.let_pass(3600)
    bench.box().modem.dialler.drop_connection(by=Told())
    bench.let_pass(600)
    assert bench.world.counts.commands == 2
    assert bench.box().vehicle.movement == 1


@pytest.fixture
def deaf(bench: PlatformBench) -> Iterator[PlatformBench]:
    """Return a platform that hears nothing of any command."""
    with bench.platform.set_action(HEARING, lambda _is_heard, _command: False, by=Told()):
        yield bench


def test_what_is_not_heard_has_happened_all_the_same(deaf: PlatformBench) -> None:
    """It is published again as often as one without an answer, and given up as one."""
    assert deaf.unlock(deaf.book()).problem is problems.VEHICLE_SILENT
    assert len({command.command_id for command in deaf.published}) == 1
    assert deaf.box().vehicle.movement == 1


def test_asked_anew_a_sound_car_does_it_twice(bench: PlatformBench) -> None:
    """By another id and counter; what comes of that one is the answer to who has asked."""
    told = Told()

    def first_alone(is_heard: bool, command: PlatformCommand) -> bool:  # noqa: FBT001 - the failpoint's form
        return is_heard and command.repeats is not None

    with (
        bench.platform.set_action(HEARING, first_alone, by=Told()),
        bench.platform.set_action(SAME, lambda _is_same, _command: False, by=told),
    ):
        answer = bench.unlock(bench.book())
    first, second = bench.published
    assert (answer.status, answer.body["command_id"]) == (200, first.command_id)
    assert second.command_id != first.command_id
    assert second.counter > first.counter
    assert bench.box().vehicle.movement == 2
    assert [hit[1:] for hit in told.hits] == [
        ("same", first.command_id),
        ("same", second.command_id),
    ]
    assert bench.platform.service.open == 0


def test_a_command_that_is_never_given_up_keeps_all_others_waiting(deaf: PlatformBench) -> None:
    """Until it is given up at last."""
    booking_id = deaf.book()
    with deaf.platform.set_action(GRACE, lambda usual_s, _command: usual_s + 100, by=Told()):
        assert deaf.unlock(booking_id, wait_s=40).status == 202
    assert deaf.unlock(booking_id).problem is problems.VEHICLE_BUSY
    deaf.let_pass(60)
    assert deaf.unlock(booking_id).problem is problems.VEHICLE_SILENT


def test_what_is_signed_is_the_end_that_is_sent() -> None:
    """A fleet that says times in whole seconds: its boxes check the signature against these."""
    bench = PlatformBench(profile=profile_of(OWN_WIRES["signed"]))
    bench.let_pass(0.25)
    assert bench.unlock(bench.book()).body["state"] == "executed"


@pytest.mark.parametrize("profile", ["native", "ovms", "saic", "aws-iot"])
def test_the_words_of_another_fleet(profile: str) -> None:
    """Its topics, ids and answers; a box that forgets what it has had gets nothing twice."""
    bench = PlatformBench(profile=load_profile(profile))
    booking_id = bench.book()
    answer = bench.unlock(booking_id)
    assert (answer.status, answer.body["state"]) == (200, "executed")
    assert not bench.box().vehicle.is_locked
    command_id = answer.body["command_id"]
    (sent,) = (event for event in bench.log if event.event is PlatformStep.PUBLISHED)
    assert (sent.command_id or "").rpartition("/")[2] == command_id
    status = bench.answer(Operation.COMMAND_STATUS, command_id=command_id)
    assert status.body["state"] == "executed"
    with bench.box().modem.bearer.without_coverage(by=Told()):
        bench.unlock(booking_id)
    published = [event for event in bench.log if event.event is PlatformStep.PUBLISHED]
    assert len(published) == (4 if load_profile(profile).traits.deduplicates else 2)
    bench.let_pass(60)
    locked = bench.answer(Operation.LOCK, booking_id=booking_id, wait_s=60)
    assert locked.body["state"] == "executed"
