"""The known cars are counted by what they say, and bounded in number."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from fleet_wire.contract.messages import Presence, PresenceReason, PresenceStatus
from fleet_wire.contract.partial import PartialState
from platform_probe.cars.fleet import Fleet
from platform_probe.cars.state import BoxPresence, CarState, Labels

ONLINE = Presence(PresenceStatus.ONLINE, "one")
WILL = Presence(PresenceStatus.OFFLINE, "one", PresenceReason.LAST_WILL)
ASLEEP = Presence(PresenceStatus.OFFLINE, "one", PresenceReason.SLEEP)
NORTH = PartialState(region="north")


@pytest.fixture
def fleet() -> Fleet[CarState]:
    """Return one without cars."""
    return Fleet(CarState, most=200)


def test_cars_that_are_alike_are_counted_together(fleet: Fleet[CarState]) -> None:
    """Each counts once, as it is now; a kind without any leaves nothing behind."""
    for number in range(3):
        fleet.take_state(f"{number}", NORTH, 1.0, retained=True)
    assert fleet.alike == {}
    for number in range(3):
        fleet.take_presence(f"{number}", ONLINE, 1.0, retained=True)
    fleet.take_presence("0", ASLEEP, 2.0, retained=False)
    fleet.take_state("1", PartialState(firmware="2"), 2.0, retained=False)
    fleet.remove("2")
    assert fleet.alike == {
        (Labels(region="north"), BoxPresence.ASLEEP, False): 1,
        (Labels(region="north", firmware="2"), BoxPresence.ONLINE, True): 1,
    }


def test_a_car_that_changed_before_it_was_added_counts_as_it_is(fleet: Fleet[CarState]) -> None:
    """A client of the broker proves to be a car only later."""
    car = CarState()
    car.take_presence(ONLINE, 1.0, retained=False)
    fleet.add("late", car)
    assert fleet.alike.total() == 1


@pytest.mark.parametrize(
    ("say", "is_lost"),
    [
        (lambda fleet: fleet.take_presence("car", WILL, 2.0, retained=False), True),
        (lambda fleet: fleet.take_presence("car", WILL, 2.0, retained=True), False),
        (lambda fleet: fleet.take_presence("car", ASLEEP, 2.0, retained=False), False),
        (
            lambda fleet: fleet.take_presence(
                "car", Presence(PresenceStatus.OFFLINE, "zero"), 2.0, retained=False
            ),
            False,
        ),
    ],
    ids=["will", "retained will", "goodbye", "will of an older session"],
)
def test_a_car_is_lost_by_the_last_will_of_its_connection(
    fleet: Fleet[CarState], say: Callable[[Fleet[CarState]], object], *, is_lost: bool
) -> None:
    """It is reported once, when that comes, and not when it is told again."""
    lost: list[tuple[str, float]] = []
    fleet.on_lost = lambda *one: lost.append(one)
    fleet.take_presence("car", ONLINE, 1.0, retained=False)
    say(fleet)
    say(fleet)
    assert lost == ([("car", 2.0)] if is_lost else [])


def test_a_sample_is_even_and_never_too_large(fleet: Fleet[CarState]) -> None:
    """Ten cars of which five are asked for are every other one; of few all are asked."""
    for number in range(10):
        fleet.car(f"{number}").session_id = f"{number}"
    assert [car.session_id for car in fleet.sample(5)] == ["0", "2", "4", "6", "8"]
    assert [len(fleet.sample(most)) for most in (100, 10, 9, 4)] == [10, 10, 5, 4]


def test_the_first_are_forgotten_of_too_many(fleet: Fleet[CarState]) -> None:
    """A hundredth is forgotten at once: that is needed seldom."""
    for number in range(200):
        fleet.car(f"{number}")
    fleet.add("new", CarState())
    assert [f"{number}" in fleet for number in (0, 2, 3)] == [False, False, True]
    assert len(fleet) == 198
