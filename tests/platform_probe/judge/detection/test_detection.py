"""Problems that no story tells: of large fleets, many flaps, several accounts and modes."""

from __future__ import annotations

import pytest
from msgspec import UNSET

from fleet_wire.contract.attempt import PlatformSide
from fleet_wire.contract.causes import Cause
from fleet_wire.contract.diagnosis import RankedMode
from fleet_wire.contract.incident import ChangeKind, IncidentKind, IncidentState
from fleet_wire.contract.messages import Presence, PresenceReason, PresenceStatus
from fleet_wire.randomness import RandomStream
from platform_probe.judge.detection import silence, waves
from platform_probe.judge.detection.measures import MEASURES
from platform_probe.judge.detection.recent import Recent
from tests.helpers.detection_player import PARKED
from tests.helpers.diagnoses import diagnosis_of
from tests.helpers.findings import Watched


@pytest.mark.parametrize(
    ("share", "failing", "well", "by_chance"),
    [
        pytest.param(1.0, 30, 30, 0, id="all"),
        pytest.param(0.3, 120, 300, 1, id="three in ten", marks=pytest.mark.long),
    ],
)
def test_what_flaps_twenty_times_is_one_alert_and_one_recovery(
    share: float, failing: int, well: int, by_chance: int
) -> None:
    """Through all of it, from unlocks to incidents: what flickers is found in many cohorts.

    Where some of all unlocks fail, once in twenty times they may look like those of a part.
    """
    watched = Watched()
    watched.usual(600, failing=0.005)
    stream = RandomStream.named(3, "flaps")
    for _ in range(20):
        for _ in range(failing):
            watched.wait(1.0)
            watched.unlock(cause=Cause.BOX_OFFLINE if stream.uniform() < share else None)
        watched.usual(well, failing=0.0)
    watched.usual(2_000, failing=0.0)
    incident, *others = watched.last
    assert len(others) <= by_chance
    assert incident.state is IncidentState.RESOLVED
    told = [one for one in watched.told if one.incident_id == incident.incident_id]
    assert [one.changes[-1].kind for one in told].count(ChangeKind.RESOLVED) == 1


def test_an_alarm_whose_unlocks_are_forgotten_is_no_problem() -> None:
    """Evidence may outlive the unlocks that it came from: then there is nothing to search in."""
    watched = Watched()
    watched.usual(600, failing=0.0)
    for _ in range(8):
        watched.unlock(cause=Cause.BOX_OFFLINE)
    shares = watched.alerting._detection._shares
    assert shares._alarmed
    shares.recent = Recent()
    watched.wait(3_600.0)
    assert not watched.told


def test_a_large_fleet_loses_cars_all_day() -> None:
    """One in five thousand cars every second, and bursts of five, are no wave."""
    watched = Watched()
    for number in range(5_000):
        name, session = f"car-{number}", Presence(PresenceStatus.ONLINE, "0")
        watched.hear(name, PARKED, is_retained=True)
        watched.hear(name, session, is_retained=True)
    for second in range(3_600):
        number = second * 37 % 5_000
        for each in range(number, number + (5 if second % 600 == 0 else second % 5 == 0)):
            for told in (
                Presence(PresenceStatus.OFFLINE, "0", PresenceReason.LAST_WILL),
                Presence(PresenceStatus.ONLINE, "0"),
            ):
                name = f"car-{each % 5_000}"
                watched.hear(name, told, is_retained=False)
        watched.wait(1.0)
    assert not watched.told


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


def test_what_is_diagnosed_as_something_else_by_now_is_the_same_incident() -> None:
    """An outage of which twelve unlocks look like one thing at first, and thirty like another."""
    watched = Watched()
    watched.usual(300, failing=0.0)
    for number in range(42):
        watched.wait(2.0)
        attempt = watched.unlock(cause=Cause.BOX_OFFLINE)
        names = {"attempt_id": attempt.attempt_id, "vehicle_id": attempt.vehicle_id}
        modes = [RankedMode("half_open_tcp_nat", 0.7), RankedMode("regional_carrier_outage", 0.3)]
        ranked = modes if number < 12 else [*reversed(modes)]
        watched.alerting.diagnosis(diagnosis_of(*ranked, after_s=1.0, **names))
    watched.wait(60.0)
    assert len(watched.last) == 1


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


def test_a_problem_that_is_over_explains_nothing_that_began_since() -> None:
    """The first car of a garage is tried before anybody is told that all others are well again."""
    watched = Watched()
    watched.usual(300, failing=0.0)
    for _ in range(8):
        watched.wait(1.0)
        watched.unlock(cause=Cause.BOX_SILENT)
    watched.wait(25.0)
    for number in range(27):
        watched.unlock(site="deck" if number % 6 == 0 else None)
    watched.usual(10, every_s=2.05, failing=0.0)
    for number in range(5):
        watched.wait(0.1)
        watched.unlock(cause=Cause.BOX_SILENT, site="deck", vehicle_id=f"struck-{number}")
    watched.wait(30.0)
    assert [(one.cars, one.cohort) for one in watched.last] == [(8, {}), (5, {"site": "deck"})]


def test_a_problem_that_is_likely_over_explains_no_failure_that_began_since() -> None:
    """A garage is well again but for one car; then cars fail everywhere, two of them in it."""
    watched = Watched()
    watched.usual(300, failing=0.0)
    for number in range(8):
        watched.wait(1.0)
        watched.unlock(cause=Cause.BOX_SILENT, site="deck", vehicle_id=f"deck-{number}")
        watched.unlock(site="street")
    watched.wait(25.0)
    for number in range(3):
        watched.wait(1.0)
        watched.unlock(site="deck", vehicle_id=f"deck-{number}")
        watched.unlock(site="street")
    watched.wait(25.0)
    for number in range(6):
        watched.wait(0.5)
        watched.unlock()
        site = "street" if number % 3 else "deck"
        watched.unlock(cause=Cause.BOX_SILENT, site=site, vehicle_id=f"struck-{number}")
    watched.wait(30.0)
    assert [one.cars for one in watched.last] == [10, 6]
