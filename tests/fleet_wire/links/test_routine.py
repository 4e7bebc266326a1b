"""Heartbeats by routine: who follows, who leaves, and what a round is taken apart into."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from fleet_wire.contract.codec import decode
from fleet_wire.contract.messages import Telemetry
from fleet_wire.contract.topics import TopicKind
from fleet_wire.links import routine as module
from fleet_wire.links.routine import Beat, Follower, Member, Routine
from tests.helpers.routine_car import Car


class Seen(Follower):
    """Keeps when heartbeats were heard and what they said."""

    def __init__(self) -> None:
        super().__init__()
        self.beats: list[tuple[float, float]] = []

    def take_beats(self, beats: Sequence[Beat], telemetry_at: Callable[[float], Telemetry]) -> None:
        """Keep each with its voltage."""
        self.beats += [(beat.heard_s, telemetry_at(beat.sent_s).voltage_v) for beat in beats]


class Way:
    """A connection."""

    member: Member | None = None
    last_sent_s = 1.0


@pytest.fixture
def routine() -> Routine:
    """Return one without members."""
    return Routine(300.0, lambda: None)


def join(routine: Routine, number: int, car: Car) -> tuple[Member, Seen]:
    """Let a car join, and return what follows it."""
    member, seen = Member(routine, number, car), Seen()
    member.way = Way()
    member.join((seen,))
    return member, seen


def test_who_follows_takes_what_has_come_when_it_matters(routine: Routine) -> None:
    """Once each, and nothing that came before the car had joined."""
    join(routine, 0, Car("a"))
    routine.send(10.0).be_heard(10.1)
    _, seen = join(routine, 1, Car("b"))
    for second in (20.0, 30.0):
        routine.send(second).be_heard(second + 0.1)
    assert seen.beats == []
    seen.catch_up()
    seen.catch_up()
    assert seen.beats == [(20.1, 12.6), (30.1, 12.6)]


def test_what_a_heartbeat_says_is_worked_out_once_for_all_who_follow_a_car(
    routine: Routine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each asks for the latest one; that of another car is another."""
    asked: list[tuple[str, float]] = []
    worked_out = Car.telemetry_at

    def note(car: Car, at_s: float) -> Telemetry:
        asked.append((car.vehicle_id, at_s))
        return worked_out(car, at_s)

    monkeypatch.setattr(Car, "telemetry_at", note)
    cars = [Car("a"), Car("b")]
    cars[1].voltage_v = 11.0
    both = [(Seen(), Seen()) for _ in cars]
    for number, (car, each) in enumerate(zip(cars, both, strict=True)):
        member = Member(routine, number, car)
        member.way = Way()
        member.join(each)
    routine.send(10.0).be_heard(10.1)
    for each in both:
        for seen in each:
            seen.catch_up()
    assert asked == [("a", 10.0), ("b", 10.0)]
    assert [seen.beats for seen in both[0]] == [[(10.1, 12.6)]] * 2
    assert [seen.beats for seen in both[1]] == [[(10.1, 11.0)]] * 2


def test_a_round_under_way_says_what_was_so_when_it_was_sent(routine: Routine) -> None:
    """Whoever leaves does it before the change: its heartbeat is still among the others."""
    first, second = Car("a"), Car("b")
    member, seen = join(routine, 1, second)
    join(routine, 0, first)
    under_way = routine.send(10.0)
    member.leave()
    second.voltage_v = 9.0
    assert not under_way.is_intact
    messages = list(under_way.messages())
    assert [message.topic for message in messages] == ["cars/a/telemetry", "cars/b/telemetry"]
    said = decode(TopicKind.TELEMETRY, messages[1].payload)
    assert said == Telemetry(signal_dbm=-85.0, voltage_v=12.6, position_age_s=10.0)
    assert (seen.beats, seen.member) == ([], None)
    assert list(routine.members) == [0]


def test_who_leaves_has_sent_its_last_and_is_caught_up_with(routine: Routine) -> None:
    """Its connection knows when it spoke last, and what is kept of it is of then."""
    car = Car("a")
    member, seen = join(routine, 0, car)
    routine.send(10.0).be_heard(10.1)
    member.leave()
    car.voltage_v = 9.0
    assert seen.beats == [(10.1, 12.6)]
    assert member.way is not None
    assert member.way.last_sent_s == 10.0
    assert car.events == ["joined after 0", "caught up", "left"]
    member.leave()
    assert len(car.events) == 3


def test_an_offer_is_void_when_something_has_changed_since(routine: Routine) -> None:
    """Before the heartbeat that makes it has come: then it is not to be taken."""
    member = Member(routine, 0, Car("a"))
    assert member.is_offered
    member.leave()
    assert not member.is_offered


def test_nothing_is_forgotten_that_somebody_has_not_taken(
    routine: Routine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After so many rounds all catch up, and count from the beginning."""
    monkeypatch.setattr(module, "MOST_KEPT", 3)
    _, seen = join(routine, 0, Car("a"))
    for second in range(10):
        routine.send(float(second)).be_heard(second + 0.5)
    seen.catch_up()
    assert [heard_s for heard_s, _ in seen.beats] == [second + 0.5 for second in range(10)]
    assert len(routine.sent) <= 3
