"""Where a car's behaviour bends: every joint, and who is told what it has changed."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack

import pytest

from fleet_sim.cars.distributions import Uniform
from fleet_sim.cars.joints import BUSY, CAN_WAKE, CLOCK, DEDUPLICATION, DOWNLINK
from fleet_sim.cars.parameters import NULL_BOX
from fleet_wire.contract.messages import Command, Phase, Reason
from fleet_wire.links.reconnect import ReconnectPolicy
from tests.helpers.culprit import Seen, Suspect
from tests.helpers.fake_link import EPOCH_S, bench
from tests.helpers.faulty import answers

RETRY_10_S = ReconnectPolicy(full_jitter=False, base_s=10.0, jitter_s=0.0)


def by(change: float) -> Callable[[float, None], float]:
    """Return a bend that adds to a number."""
    return lambda value, _context: value + change


@pytest.mark.parametrize(
    ("skews_s", "guilty"),
    [
        ((20.0,), ""),
        ((31.0,), "0"),
        ((20.0, 15.0), "01"),
        ((0.0, 31.0, 0.0), "1"),
        ((31.0, -31.0), ""),
    ],
)
def test_a_wrong_clock_hits_the_commands_whose_fate_it_changes(
    skews_s: tuple[float, ...], guilty: str
) -> None:
    """A command lives for 30 s: together they find it expired, or none of them has done a thing."""
    car = bench()
    suspects = [Suspect() for _ in skews_s]
    with ExitStack() as stack:
        for suspect, skew_s in zip(suspects, skews_s, strict=True):
            stack.enter_context(car.box.bend(CLOCK, by(skew_s), by=suspect))
        car.deliver(car.command())
    assert "".join(str(i) for i, each in enumerate(suspects) if each.hits) == guilty
    assert all(each.hits in ([], [Seen("clock", "c1")]) for each in suspects)
    is_refused = answers(car) == [(Phase.REFUSED, Reason.EXPIRED)]
    assert is_refused is bool(guilty)


def test_a_wrong_clock_is_at_fault_for_the_connection_that_it_prevents() -> None:
    """In 1970 no certificate is valid: the hit lasts until the connection stands again."""
    car = bench(NULL_BOX.model_copy(update={"needs_time_for_tls": True, "reconnect": RETRY_10_S}))
    back_to_1970, honest = Suspect(), Suspect()
    with (
        car.box.bend(CLOCK, by(-EPOCH_S), by=back_to_1970),
        car.box.bend(CLOCK, by(0.0), by=honest),
    ):
        car.env.run(until=5)
        car.link.lose()
        car.env.run(until=40)
        assert not car.box.modem.is_reachable
    car.env.run(until=60)
    assert car.box.modem.is_reachable
    assert back_to_1970.hits == [Seen("clock", None, (15.0, 45.0))]
    assert honest.hits == []


def test_a_command_that_keeps_the_box_busy_hits_those_that_find_it_so() -> None:
    """Also where others have hit these on their way; with the command the blame is over."""
    car = bench()
    slow_bus, slow_network, nobody = Suspect(), Suspect(), Suspect()
    with (
        car.box.bend(CAN_WAKE, lambda _usual, _command: 20.0, by=slow_bus),
        car.box.bend(CAN_WAKE, lambda usual, _command: usual, by=nobody),
    ):
        car.deliver(car.command("c1"))
    with car.box.bend(DOWNLINK, lambda _usual, _message: 1.0, by=slow_network):
        car.deliver(car.command("c2"))
        car.deliver(car.command("c3"))
    car.env.run(until=25)
    car.deliver(car.command("c4"))
    assert slow_bus.hits == [Seen("can_wake", "c1"), Seen("busy", "c2"), Seen("busy", "c3")]
    assert slow_network.hits == [Seen("downlink", "c2"), Seen("downlink", "c3")]
    assert nobody.hits == []
    said = {each.command_id: each.reason or each.phase for each in car.link.results()}
    assert said == {
        "c1": Phase.EXECUTED,
        "c2": Reason.BUSY,
        "c3": Reason.BUSY,
        "c4": Phase.EXECUTED,
    }


def forget(_usual: bool, _command: Command) -> bool:  # noqa: FBT001 - the joint's form
    """Bend `DEDUPLICATION`: recognise nothing."""
    return False


def test_a_box_that_recognises_no_command_executes_it_twice() -> None:
    """Its counter is forgotten as well. Afterwards a third copy is recognised."""
    car, suspect = bench(), Suspect()
    command = car.command("c1")
    with car.box.bend(DEDUPLICATION, forget, by=suspect):
        car.deliver(command)
        assert suspect.hits == []
        car.deliver(command)
    assert suspect.hits == [Seen("deduplication", "c1")]
    assert answers(car) == 2 * [(Phase.RECEIVED, None), (Phase.EXECUTED, None)]
    car.deliver(command)
    assert (car.box.vehicle.movement, car.world.counts.redelivered) == (2, 1)


def test_a_copy_that_is_not_recognised_finds_the_box_busy_with_the_first() -> None:
    """Two answers to one command, and one movement."""
    car, suspect = bench(NULL_BOX.model_copy(update={"actuation": Uniform(base_s=5.0)})), Suspect()
    command = car.command("c1")
    with car.box.bend(DEDUPLICATION, forget, by=suspect):
        car.deliver(command)
        car.deliver(command)
    car.env.run(until=10)
    assert suspect.hits == [Seen("deduplication", "c1"), Seen("busy", "c1")]
    assert answers(car)[1:] == [(Phase.REFUSED, Reason.BUSY), (Phase.EXECUTED, None)]
    assert car.box.vehicle.movement == 1


def test_no_bend_makes_a_box_take_two_commands_at_once() -> None:
    """One that works on a command is not asked whether it is busy with something else."""
    car, suspect = bench(NULL_BOX.model_copy(update={"actuation": Uniform(base_s=5.0)})), Suspect()
    with car.box.bend(BUSY, lambda _usual, _command: False, by=suspect):
        car.deliver(car.command("c1"))
        car.deliver(car.command("c2"))
        car.env.run(until=10)
    assert answers(car)[1] == (Phase.REFUSED, Reason.BUSY)
    assert suspect.hits == []
