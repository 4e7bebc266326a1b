"""Cars of which a broker has only retained something are kept small, and nobody can tell."""

from __future__ import annotations

from itertools import permutations

import pytest

from fleet_wire.contract.messages import Presence, PresenceReason, PresenceStatus, VehicleState
from fleet_wire.contract.topics import TopicKind
from platform_probe.judge.diagnosis.car_history import CarHistory
from platform_probe.judge.diagnosis.entries import Session
from platform_probe.judge.diagnosis.hearing import Hearing
from platform_probe.judge.diagnosis.known_cars import KnownCars, Retained
from tests.helpers.fake_clock import FakeClock

ONLINE = Presence(PresenceStatus.ONLINE, "one")
ASLEEP = Presence(PresenceStatus.OFFLINE, "one", PresenceReason.SLEEP)
CLOSED = VehicleState(
    is_locked=True, is_open=False, voltage_v=12.6, firmware="2.4", hardware="tcu-3",
    operator="a", region="north",
)  # fmt: skip
AJAR = VehicleState(
    is_locked=False, is_open=True, voltage_v=11.9, firmware="2.4", hardware="tcu-3",
    operator="a", region="north", last_command_id="c-1", signals={"Vehicle.IsMoving": True},
    technology="lte_m",
)  # fmt: skip


class _Hearing(Hearing):
    """Lets a test look."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        super().__init__(clock=self.clock, max_cars=10)

    def _look_soon(self, vehicle_id: str, now_s: float) -> None:
        """Nothing is open."""

    def take(self, message: Presence | VehicleState, *, is_retained: bool = True) -> None:
        """Hear a message of the car, a second after the one before."""
        self.clock.now_s += 1.0
        kind = TopicKind.PRESENCE if isinstance(message, Presence) else TopicKind.STATE
        self.heard(kind, "car", message, is_retained=is_retained)

    def known(self) -> CarHistory | None:
        """Return what is known of the car."""
        return self._cars.get("car")

    @property
    def is_small(self) -> bool:
        """Whether nothing but what is retained is kept."""
        return self._cars.retained("car") is not None


def _everything(car: CarHistory | None) -> dict[str, object]:
    """Return all that is known of a car."""
    assert car is not None
    return {name: getattr(car, name) for name in CarHistory.__slots__}


def _history(messages: list[Presence | VehicleState]) -> CarHistory:
    """Return what a history of these says that was kept from the first message on."""
    car, now_s = CarHistory(), FakeClock().now_s
    for message in messages:
        now_s += 1.0
        if isinstance(message, Presence):
            car.take_presence(message, now_s, retained=True)
        else:
            car.take_state(message, now_s, retained=True)
    return car


@pytest.mark.parametrize(
    "messages",
    [
        [*order[:count]]
        for order in permutations([ONLINE, CLOSED])
        for count in (1, 2)
    ]
    + [[ASLEEP, AJAR], [AJAR, ASLEEP]],
)  # fmt: skip
def test_what_is_retained_is_known_as_if_it_had_been_kept_in_full(
    messages: list[Presence | VehicleState],
) -> None:
    """Whichever of the two messages comes, in whichever order."""
    hearing = _Hearing()
    for message in messages:
        hearing.take(message)
    assert hearing.is_small
    assert _everything(hearing.known()) == _everything(_history(messages))
    assert not hearing.is_small


@pytest.mark.parametrize("again", [ONLINE, CLOSED])
def test_what_is_retained_twice_is_taken_as_it_comes(again: Presence | VehicleState) -> None:
    """The monitor connects again, and is told again: a will of an older session, for one."""
    hearing = _Hearing()
    for message in (ONLINE, AJAR, again):
        hearing.take(message)
    assert not hearing.is_small
    assert _everything(hearing.known()) == _everything(_history([ONLINE, AJAR, again]))


def test_what_comes_now_is_more_than_what_is_retained() -> None:
    """A car that says something has a history from then on."""
    hearing = _Hearing()
    hearing.take(ONLINE)
    hearing.take(ASLEEP, is_retained=False)
    assert not hearing.is_small
    car = hearing.known()
    assert car is not None
    assert (car.standing, car.stood) == (Session.ASLEEP, Session.ONLINE)


def test_a_sample_is_even_and_has_histories() -> None:
    """Of ten cars five are every other one; what was retained of them is opened."""
    cars = KnownCars(most=10)
    for number in range(10):
        kept = cars.retained(f"{number}")
        assert kept is not None
        kept.presence = Presence(PresenceStatus.ONLINE, f"session {number}")
    found = cars.sample(5)
    assert [car.session_id for car in found] == [f"session {number}" for number in (0, 2, 4, 6, 8)]
    assert (cars.retained("0"), type(cars.retained("1"))) == (None, Retained)
    assert len(cars.sample(100)) == 10


def test_the_first_are_forgotten_of_too_many() -> None:
    """A hundredth is forgotten at once: that is needed seldom."""
    cars = KnownCars(most=200)
    for number in range(200):
        cars.retained(f"{number}")
    cars.add("new", CarHistory())
    assert [f"{number}" in cars for number in (0, 2, 3)] == [False, False, True]
    assert len(cars) == 198
