"""The worlds of an incident: its likely modes, a fleet in proportion, nothing personal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from fleet_wire.config.file import yaml_text
from fleet_wire.contract.causes import Cause
from fleet_wire.contract.incident import Incident, IncidentKind
from fleet_wire.errors import ConfigError
from platform_probe.store.reading import Source
from platform_probe.tell.export.scenario import ELSEWHERE, INCIDENT
from platform_probe.tell.export.worlds import FLEET, HABITS, HURRY, worlds_of
from tests.helpers.consoles import incident_of
from tests.helpers.diagnoses import put_believed
from tests.helpers.stores import BEGIN_S, put_unlocks, unlock

LASTS_S = 1_800.0


def an_incident(**changes: Any) -> Incident:
    """Return an incident that has gone on for half an hour."""
    return incident_of(since=BEGIN_S, at=BEGIN_S + LASTS_S, mode="no_coverage_garage", **changes)


def put_customers(folder: Path, *, struck: int, well: int, presses: int = 1) -> None:
    """Put unlocks over half an hour: each customer has a booking and a car of their own."""
    failed = [
        unlock(
            100 * press + number,
            car=f"car-{number}",
            cause=Cause.BOX_OFFLINE,
            booking_id=f"booking-{number}",
        )
        for number in range(struck)
        for press in range(presses)
    ]
    put_believed(folder, failed, "no_coverage_garage")
    attempts = []
    for number in range(struck, struck + well):
        at_s = BEGIN_S + LASTS_S * (number - struck) / well
        one = unlock(1_000 + number, car=f"well-{number}")
        attempts.append(
            msgspec.structs.replace(one, started_at=at_s, booking_id=f"booking-{number}")
        )
    put_unlocks(folder, attempts)


def cars_of(world: dict[str, Any]) -> tuple[int, int]:
    """Return how many cars are struck in a world, and how many are not."""
    groups = world["scenario"]["fleet"]["groups"]
    counts = dict.fromkeys((INCIDENT, ELSEWHERE), 0)
    for group in groups:
        counts[group["name"].rpartition("-")[0]] += group["count"]
    return counts[INCIDENT], counts[ELSEWHERE]


def test_the_likely_modes_become_worlds(tmp_path: Path) -> None:
    """The fault goes on; a recipe shows its mode within a minute, and a world is in no hurry."""
    put_customers(tmp_path, struck=5, well=25)

    found = worlds_of(Source(tmp_path), an_incident())

    (world, *_) = found["worlds"]
    scenario = world["scenario"]
    assert world["mode"] == "no_coverage_garage"
    (fault,) = scenario["faults"]
    assert fault["window"] == {"start_s": 0}
    assert "parameters" not in fault
    assert scenario["customers"].keys() <= {*HABITS, "stages"}
    assert all(group["box"].keys().isdisjoint(HURRY) for group in scenario["fleet"]["groups"])
    assert "car-" not in yaml_text(found)
    assert found["unknown"]
    assert found["incident"] == an_incident().incident_id


@pytest.mark.parametrize("presses", [1, 5])
def test_customers_are_counted_once_however_often_they_press(tmp_path: Path, presses: int) -> None:
    """They come as often as before, and as many of them meet a struck car."""
    put_customers(tmp_path, struck=5, well=45, presses=presses)

    (world, *_) = worlds_of(Source(tmp_path), an_incident(cars=0))["worlds"]

    (stage,) = world["scenario"]["customers"]["stages"]
    assert stage["rate_per_s"] * world["stands_for"] == pytest.approx(50 / LASTS_S, rel=0.05)
    struck, well = cars_of(world)
    away = 0.75 * 45 / world["stands_for"]  # of those who came within half an hour
    assert struck / (struck + well - away) == pytest.approx(0.1, abs=0.02)


@pytest.mark.parametrize(("ago_s", "away"), [(60.0, 40), (2_070.0, 20), (7_000.0, 1)])
def test_the_cars_that_customers_have_when_it_begins_are_counted(
    tmp_path: Path, ago_s: float, away: int
) -> None:
    """Of forty customers who got in before it, half have brought their cars back in 35 minutes."""
    put_customers(tmp_path, struck=1, well=1)
    before = [unlock(number, car=f"rented-{number}") for number in range(40)]
    put_unlocks(
        tmp_path, [msgspec.structs.replace(one, started_at=BEGIN_S - ago_s) for one in before]
    )

    observed = worlds_of(Source(tmp_path), an_incident())["observed"]

    assert observed["away"] == pytest.approx(away, abs=1)


@pytest.mark.parametrize(
    ("fleet_cars", "cars"), [(300, 300), (0, 110)], ids=["the monitor counts", "an older monitor"]
)
def test_a_world_has_the_cars_that_the_monitor_knows(
    tmp_path: Path, fleet_cars: int, cars: int
) -> None:
    """Without their number there are as many as customers of half an hour need."""
    put_customers(tmp_path, struck=5, well=50)

    (world, *_) = worlds_of(Source(tmp_path), an_incident(fleet_cars=fleet_cars))["worlds"]

    assert sum(cars_of(world)) * world["stands_for"] == pytest.approx(cars, rel=0.05)


@pytest.mark.parametrize(
    ("incident", "struck"),
    [
        ({"cohort": {"region": "north"}, "cohort_cars": 70}, 70),
        ({"cohort": {}, "cohort_cars": 200}, 200),
        ({"cohort": {}, "cohort_cars": 200, "kind": IncidentKind.SUSPICIOUS}, None),
        ({"cohort": {}, "kind": IncidentKind.CARS_LOST, "cars": 20}, 20),
    ],
    ids=["all of its cohort", "the whole fleet", "nobody knows", "all that were lost"],
)
def test_struck_cars_are_those_with_the_traits_of_the_incident(
    tmp_path: Path, incident: dict[str, Any], struck: int | None
) -> None:
    """Customers show only a few of them."""
    put_customers(tmp_path, struck=5, well=25)

    observed = worlds_of(Source(tmp_path), an_incident(**incident))["observed"]

    assert observed["likely_struck"] == struck


def test_intruders_are_no_customers(tmp_path: Path) -> None:
    """Whom a suspicious incident is about has no booking, and no rental to lose."""
    put_customers(tmp_path, struck=0, well=40)
    mode = "attack_bruteforce_vehicle_ids"
    tries = [
        unlock(number, car=f"tried-{number}", cause=Cause.API_REFUSED, booking_id=None)
        for number in range(99)
    ]
    put_believed(tmp_path, tries, mode)
    attack = msgspec.structs.replace(an_incident(kind=IncidentKind.SUSPICIOUS), mode=mode)

    found = worlds_of(Source(tmp_path), attack)

    assert found["observed"]["trying"] + sum(map(sum, found["observed"]["parts"])) == 40
    assert found["worlds"][0]["mode"] == mode


def test_the_customers_so_far_are_counted_by_how_they_got_in(tmp_path: Path) -> None:
    """For each half of the incident, so that a world can be fitted to them."""
    put_customers(tmp_path, struck=5, well=44, presses=2)

    observed = worlds_of(Source(tmp_path), an_incident())["observed"]

    assert observed["lasted_s"] == pytest.approx(LASTS_S, rel=0.05)
    assert observed["parts"][0] == [22, 0, 5]
    assert observed["parts"][1][1:] == [0, 0]
    assert observed["parts"][1][0] == pytest.approx(22, abs=2)  # the last may press again


def test_cars_that_are_lost_are_struck_though_nobody_asked_for_them(tmp_path: Path) -> None:
    """The monitor counts them; a world of a large fleet has its shares, and fewer cars."""
    put_customers(tmp_path, struck=5, well=25)

    (world, *_) = worlds_of(Source(tmp_path), an_incident(cars=600, kind=IncidentKind.CARS_LOST))[
        "worlds"
    ]

    struck, well = cars_of(world)
    assert struck + well == pytest.approx(FLEET, abs=5)
    assert struck > 0.9 * FLEET


@pytest.mark.parametrize("kind", [IncidentKind.FAILURES, IncidentKind.CARS_LOST])
def test_cars_that_are_known_to_be_hit_are_told(tmp_path: Path, kind: IncidentKind) -> None:
    """Cars of an incident that is over may be well again, so they are not known to be hit."""
    put_customers(tmp_path, struck=5, well=25)

    going_on = worlds_of(Source(tmp_path), an_incident(cars=20, kind=kind))
    over = worlds_of(Source(tmp_path), an_incident(cars=20, kind=kind, ended_at=BEGIN_S + 9_000))

    assert going_on["observed"]["struck"] == 20
    assert over["observed"]["struck"] == 0


def test_an_incident_without_failed_unlocks_has_nothing_to_save(tmp_path: Path) -> None:
    """Cars may lose their connection while nobody needs them: no diagnosis will come."""
    put_unlocks(tmp_path, [unlock(1, car="car-1")])

    with pytest.raises(ConfigError, match="no rentals to save"):
        worlds_of(Source(tmp_path), an_incident(kind=IncidentKind.CARS_LOST))


def test_an_incident_without_diagnoses_is_refused(tmp_path: Path) -> None:
    """There is no world to play yet."""
    put_unlocks(tmp_path, [unlock(1, car="car-1", cause=Cause.BOX_OFFLINE)])

    with pytest.raises(ConfigError, match="is diagnosed yet"):
        worlds_of(Source(tmp_path), an_incident())


@pytest.mark.parametrize(("cohort", "is_its"), [({}, True), ({"region": "elsewhere"}, False)])
def test_an_incident_without_a_mode_has_the_failed_unlocks_of_its_cohort(
    tmp_path: Path, *, cohort: dict[str, str], is_its: bool
) -> None:
    """Cars are lost and nobody knows why: a customer's unlock is diagnosed all the same."""
    put_customers(tmp_path, struck=5, well=25)
    lost = msgspec.structs.replace(
        an_incident(kind=IncidentKind.CARS_LOST), mode=None, cohort=cohort, examples=()
    )

    if is_its:
        assert worlds_of(Source(tmp_path), lost)["worlds"]
    else:
        with pytest.raises(ConfigError, match="is diagnosed yet"):
            worlds_of(Source(tmp_path), lost)
