"""The words of notifications, and the cars that they name."""

from __future__ import annotations

import pytest

from fleet_sim.truth.clients.notifications import Notifications

CARS = {"lock.car_1": "ha.failed_open.1", "lock.car_12": "ha.failed_open.12"}


@pytest.mark.parametrize(
    ("title", "message", "number", "meaning"),
    [
        ("", "lock.car_1 is offline", "", ("1", "unavailable")),
        ("", "lock.car_1 did not respond", "", ("1", "unknown")),
        ("ha.failed_open.12", "Failed: anti-theft", "", ("12", "failed")),
        ("", "The red one couldn\u2019t be opened", "", ("12", "failed")),
        ("Sent", "Opening lock.car_1 ...", "", ("1", "working")),
        ("", "ha.failed_open.1 is unlocked", "", ("1", "open")),
        ("", "Locked.", "lock.car_12", ("12", "locked")),
        ("", "lock.car_1 is locked, and lock.car_12 is not", "", ("1", "failed")),
        ("", "lock.car_1 has 12.4 V", "", None),
        ("", "lock.car_123 is locked", "", None),
        ("", "ha.failed_open.1.x is locked", "", None),
        ("Update", "failed", "", None),
    ],
)
def test_what_a_notification_shows(
    title: str, message: str, number: str, meaning: tuple[str, str] | None
) -> None:
    """The first car that is named counts, and words of its name say nothing."""
    notifications = Notifications(CARS)
    notifications.add_name("lock.car_12", "The red one")
    found = notifications.meaning(title, message, number)
    said = None if found is None else (found.vehicle_id.rpartition(".")[2], found.screen.value)
    assert said == meaning
