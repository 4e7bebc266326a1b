"""Problems that no story tells: of large fleets, many flaps, several accounts and modes."""

from __future__ import annotations

from msgspec import UNSET

from fleet_wire.contract.attempt import PlatformSide
from fleet_wire.contract.causes import Cause
from fleet_wire.contract.incident import ChangeKind, IncidentKind, IncidentState
from platform_probe.judge.detection import silence, waves
from platform_probe.judge.detection.measures import MEASURES
from tests.helpers.findings import Watched


def test_what_flaps_twenty_times_is_one_alert_and_one_recovery() -> None:
    """Through all of it, from unlocks to incidents: what flickers is found in many cohorts."""
    watched = Watched()
    watched.usual(600, failing=0.005)
    for _ in range(20):
        for _ in range(30):
            watched.wait(1.0)
            watched.unlock(cause=Cause.BOX_OFFLINE)
        watched.usual(30, failing=0.0)
    watched.usual(2_000, failing=0.0)
    (incident,) = watched.last
    assert incident.state is IncidentState.RESOLVED
    assert [one.changes[-1].kind for one in watched.told].count(ChangeKind.RESOLVED) == 1


def test_cars_that_open_and_customers_who_press_again_are_found() -> None:
    """Nothing has failed, as far as any record says."""
    watched = Watched()
    watched.usual(600, failing=0.0)
    vehicles = []
    for _ in range(12):
        opened = watched.unlock()
        vehicles.append(opened.vehicle_id)
        watched.wait(20.0)
        watched.unlock(vehicle_id=opened.vehicle_id, platform=opened.platform)
    watched.wait(5.0)
    (incident,) = watched.last
    assert "ars open, and customers press again since " in incident.title
    for number in range(-3, 0):  # of the last ones a third press is diagnosed
        watched.unlock(vehicle_id=vehicles[number], mode="wrong_car_approached")
    watched.wait(60.0)
    assert "he customer stands at another car since " in watched.last[0].title


def test_an_account_that_is_known_later_is_the_customer() -> None:
    """Of the first unlock of a booking only that booking may be known."""
    watched = Watched()
    for number in range(60):
        watched.wait(1.0)
        booking = f"booking-{number}"
        watched.unlock(cause=Cause.BOX_SILENT, booking_id=booking, platform=UNSET)
        side = PlatformSide(account_id="ab"[number % 2], status=504, problem="vehicle-silent")
        watched.unlock(cause=Cause.BOX_SILENT, booking_id=booking, platform=side)
    watched.wait(12.0)
    (incident,) = (one for one in watched.last if one.kind is IncidentKind.FAILURES)
    assert incident.customers == 2
    assert incident.failed > 20
    assert incident.title.endswith(", 2 customers")


def test_all_tests_together_may_cause_the_allowed_false_alarms() -> None:
    """What is shared among tests is never more than there is."""
    assert sum(one.budget for one in MEASURES) + waves.BUDGET + silence.BUDGET <= 1.0
