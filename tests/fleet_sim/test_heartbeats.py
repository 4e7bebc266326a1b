"""Heartbeat batches: who joins, who leaves, and which messages a round consists of."""

from __future__ import annotations

import pytest

from fleet_sim import heartbeats as module
from fleet_sim.heartbeats import Member, Routine
from fleet_wire.contract.codec import decode
from fleet_wire.contract.messages import Telemetry
from fleet_wire.contract.topics import TopicKind
from tests.helpers.routine_car import Car


class Way:
    """A connection."""

    member: Member | None = None
    last_sent_s = 1.0


@pytest.fixture
def routine() -> Routine:
    """Return one without members."""
    return Routine(300.0, lambda: None)


def join(routine: Routine, number: int, car: Car) -> Member:
    """Let a car join."""
    member = Member(routine, number, car)
    member.way = Way()
    member.join()
    return member


def test_a_round_under_way_says_what_was_so_when_it_was_sent(routine: Routine) -> None:
    """Whoever leaves does it before the change: its heartbeat is still among the others."""
    first, second = Car("a"), Car("b")
    member = join(routine, 1, second)
    join(routine, 0, first)
    under_way = routine.send(10.0)
    member.leave()
    second.voltage_v = 9.0
    assert not under_way.is_intact
    messages = list(under_way.messages())
    assert [message.topic for message in messages] == ["cars/a/telemetry", "cars/b/telemetry"]
    said = decode(TopicKind.TELEMETRY, messages[1].payload)
    assert said == Telemetry(signal_dbm=-85.0, voltage_v=12.6, position_age_s=10.0)
    assert list(routine.members) == [0]


def test_who_leaves_has_sent_its_last_and_is_caught_up_with(routine: Routine) -> None:
    """Its connection knows when it spoke last, and its radio has carried what it sent."""
    car = Car("a")
    member = join(routine, 0, car)
    routine.send(10.0)
    member.leave()
    assert member.way is not None
    assert member.way.last_sent_s == 10.0
    assert car.events == ["joined after 0", "caught up", "left"]
    member.leave()
    assert len(car.events) == 3


def test_an_offer_is_void_when_something_has_changed_since(routine: Routine) -> None:
    """Nobody joins whose car or connection has changed before its heartbeat came."""
    member = Member(routine, 0, Car("a"))
    member.leave()
    member.join()
    assert routine.members == {}


def test_boxes_catch_up_before_rounds_are_forgotten(
    routine: Routine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After so many rounds all catch up, and count from the beginning."""
    monkeypatch.setattr(module, "MOST_KEPT", 3)
    car = Car("a")
    join(routine, 0, car)
    for second in range(7):
        routine.send(float(second))
    assert len(routine.sent) == 1
    assert car.events == ["joined after 0", *["caught up", "joined after 0"] * 2]
