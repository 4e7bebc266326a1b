"""One state of a car, whatever its wire says at a time."""

from __future__ import annotations

import msgspec
import pytest

from fleet_wire.contract.messages import Presence, PresenceReason, PresenceStatus
from fleet_wire.contract.partial import PartialState
from platform_probe.cars.state import BoxPresence, CarState, Labels, Session
from tests.helpers.hand_made_boxes import state_of

ONLINE = Presence(PresenceStatus.ONLINE, "two")
OLD_WILL = Presence(PresenceStatus.OFFLINE, "one", PresenceReason.LAST_WILL)


def test_the_will_of_an_older_session_ends_no_connection() -> None:
    """Presence says offline, as the platform sees it; the next will is that of the car."""
    car = CarState()
    car.take_presence(ONLINE, 1.0, retained=False)
    assert car.take_presence(OLD_WILL, 2.0, retained=False) is Session.OLD_WILL
    assert car.take_presence(OLD_WILL, 3.0, retained=False) is Session.OLD_WILL
    assert (car.presence, car.is_connected, car.heard_s) == (BoxPresence.OFFLINE, True, 1.0)
    will = Presence(PresenceStatus.OFFLINE, "two")
    assert car.take_presence(will, 4.0, retained=False) is Session.WILL
    assert not car.is_connected


def test_a_part_of_a_state_erases_nothing_and_a_whole_one_only_the_site() -> None:
    """A whole state without a site says that the car has left it; no car loses its modem."""
    car = CarState()
    whole = state_of("a-1", is_locked=True)
    there = msgspec.structs.replace(whole, site="p3", technology="lte")
    car.take_state(there, 1.0, retained=True)
    car.take_state(PartialState(is_locked=False), 2.0, retained=True)
    assert (car.labels.site, car.labels.region, car.heard_s) == ("p3", "a", None)
    car.take_state(whole, 3.0, retained=False)
    assert (car.labels.site, car.labels.technology, car.heard_s) == (None, "lte", 3.0)


def test_equal_cars_share_their_labels() -> None:
    """A million cars of a few kinds hold a few labels."""
    first, second = CarState(), CarState()
    for car in (first, second):
        car.take_state(PartialState(region="north"), 1.0, retained=True)
        car.take_state(PartialState(operator="a"), 1.0, retained=True)
    assert first.labels is second.labels
    assert first.labels == Labels("north", "a")


@pytest.mark.parametrize("reason", [PresenceReason.LAST_WILL, None])
def test_a_last_will_is_no_sign_of_life(reason: PresenceReason | None) -> None:
    """The broker speaks for a box that is gone; a goodbye is the box's own word."""
    car = CarState()
    car.take_presence(ONLINE, 1.0, retained=False)
    will = Presence(PresenceStatus.OFFLINE, "two", reason)
    assert car.take_presence(will, 5.0, retained=False) is Session.WILL
    assert car.heard_s == 1.0
    goodbye = Presence(PresenceStatus.OFFLINE, "two", PresenceReason.SLEEP)
    car.take_presence(goodbye, 10.0, retained=False)
    assert car.heard_s == 10.0
