"""Tests of `fleet_sim.platform.command_service`: what goes to the cars, when, and how it ends."""

from __future__ import annotations

from typing import Any

import pytest

from fleet_sim.cars.failpoints import RESULT, UPLINK, OutgoingMessage
from fleet_sim.platform.failpoints import RETRY
from fleet_sim.platform.operations import Operation
from fleet_wire.contract import problems
from fleet_wire.contract.messages import Phase, Reason, Result
from fleet_wire.contract.platform_log import PlatformStep
from fleet_wire.contract.refusals import refused_because
from fleet_wire.contract.signing import is_signed, vehicle_key
from fleet_wire.contract.topics import TopicKind
from fleet_wire.profiles.loading import load_profile
from tests.helpers.culprit import Suspect
from tests.helpers.own_wires import OWN_WIRES
from tests.helpers.platform_bench import SECRET, PlatformBench
from tests.helpers.profile_files import profile_of


@pytest.fixture
def bench() -> PlatformBench:
    """Return a platform and two cars that take no time."""
    return PlatformBench()


def nothing(_usual: Any, _context: Any) -> None:
    """Let nothing happen."""


def no_state(delay_s: float | None, sent: OutgoingMessage) -> float | None:
    """Let the platform hear of no car's state, which tells of commands too."""
    return None if sent.kind is TopicKind.STATE else delay_s


def test_commands_are_signed_and_live_no_longer_than_their_booking(bench: PlatformBench) -> None:
    """Counters grow; the broker is told what is left of the life."""
    long, short = bench.book(), bench.book(vehicle_id="car-1", for_s=12.5)
    bench.unlock(long)
    bench.unlock(short)
    first, second = bench.published
    assert first.expires_at_ms - first.issued_at_ms == 30_000
    assert second.expires_at_ms - second.issued_at_ms < 12_500
    assert [message.expiry_s for message in bench.commands.messages] == [30, 13]
    assert second.counter > first.counter
    for car, command in (("car-0", first), ("car-1", second)):
        assert is_signed(vehicle_key(SECRET, car), command)
    assert first.booking_id == long


def test_after_an_answer_it_is_never_published_again(bench: PlatformBench) -> None:
    """Not even where the car falls silent after it has confirmed the command."""
    answers = iter([True, False])

    def confirm_only(result: Result | None, _command: object) -> Result | None:
        return result if next(answers) else None

    box = bench.box()
    with (
        box.set_action(RESULT, confirm_only, by=Suspect()),
        box.set_action(UPLINK, no_state, by=Suspect()),
    ):
        answer = bench.unlock(bench.book())
    assert answer.problem is problems.VEHICLE_SILENT
    assert len(bench.published) == 1


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
    with (
        box.set_action(RESULT, refuse, by=Suspect()),
        box.set_action(UPLINK, no_state, by=Suspect()),
    ):
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
        box.set_action(RESULT, late, by=Suspect()),
        box.set_action(UPLINK, no_state, by=Suspect()),
        bench.platform.set_action(RETRY, nothing, by=Suspect()),
    ):
        answer = bench.unlock(bench.book())
        assert answer.problem is problems.VEHICLE_SILENT
        bench.let_pass(60)
    status = bench.answer(Operation.COMMAND_STATUS, command_id=answer.body["command_id"])
    assert status.body["state"] == "executed"


def test_another_cars_answer_is_none(bench: PlatformBench) -> None:
    """Whoever answers must be the car that was meant."""
    booking_id = bench.book()
    with bench.box().modem.bearer.without_coverage(by=Suspect()):
        (under_way,) = bench.ask(Operation.UNLOCK, booking_id=booking_id)
        result = Result(under_way.body["command_id"], Phase.EXECUTED)
        bench.box(1).modem.publish(TopicKind.RESULT, result)
        bench.let_pass(1)
        status = bench.answer(Operation.COMMAND_STATUS, command_id=result.command_id)
    assert status.body["state"] == "accepted"


def test_nobody_listens_for_the_car() -> None:
    """The broker says so: the command has not gone out, and another may be tried."""
    bench = PlatformBench(cars=1)
    bench.commands.link.disconnect()
    bench.box().modem.shut_down()
    bench.broker.stop()
    bench.let_pass(1)
    bench.broker.start()
    bench.let_pass(10)
    answer = bench.unlock(bench.book())
    assert answer.problem is problems.VEHICLE_UNREACHABLE
    assert answer.body["reason"] == "no_subscriber"


def test_a_message_that_breaks_the_contract_is_counted(bench: PlatformBench) -> None:
    """Nothing else happens."""
    for topic, payload in (("cars/car-0/state", b"{"), ("cars/car-0/result", b"[]")):
        bench.commands.link.publish(topic, payload)
    bench.let_pass(1)
    assert bench.platform.service.malformed == 2


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
    with bench.box().modem.bearer.without_coverage(by=Suspect()):
        bench.unlock(booking_id)
    published = [event for event in bench.log if event.event is PlatformStep.PUBLISHED]
    assert len(published) == (4 if load_profile(profile).traits.deduplicates else 2)
    bench.let_pass(60)
    locked = bench.answer(Operation.LOCK, booking_id=booking_id, wait_s=60)
    assert locked.body["state"] == "executed"
