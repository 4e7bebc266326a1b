"""Problems are found, named, followed and over; healthy hours bring none."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import pytest
from msgspec import UNSET

from fleet_wire.contract.attempt import (
    PROBE_STOPPED,
    Attempt,
    PlatformSide,
    Source,
    StrayAnswer,
    StrayKind,
)
from fleet_wire.contract.causes import Cause
from fleet_wire.contract.diagnosis import RankedMode
from fleet_wire.contract.incident import (
    ActionKind,
    ChangeKind,
    IncidentAction,
    IncidentKind,
    IncidentState,
    Severity,
)
from fleet_wire.contract.messages import Presence, PresenceReason, PresenceStatus, VehicleState
from fleet_wire.randomness import RandomStream
from platform_probe.judge.incidents.incidents import QUIET_S
from tests.helpers.diagnoses import diagnosis_of
from tests.helpers.findings import Watched
from tests.helpers.records import attempt_of

ONLINE = Presence(PresenceStatus.ONLINE, "s1")
ANY = attempt_of(source=Source.CUSTOMER)
WILL = Presence(PresenceStatus.OFFLINE, "s1", PresenceReason.LAST_WILL)


def state(number: int) -> VehicleState:
    """Return a car's state: every other car is in the north."""
    return VehicleState(
        is_locked=True,
        is_open=False,
        voltage_v=12.6,
        firmware="2.4.1",
        hardware="tcu-3",
        operator="operator-a",
        region="north" if number % 2 else "south",
    )


def say(watched: Watched, number: int, presence: Presence) -> None:
    """Let a car say whether it is there, or the broker."""
    watched.hear(f"car-{number}", presence, is_retained=False)


def diagnose(watched: Watched, mode: str, **changes: Any) -> None:
    """Say that an unlock which began a second ago is of a mode."""
    ranked = RankedMode(mode, 0.9)
    watched.alerting.diagnosis(
        diagnosis_of(ranked, after_s=1.0, cause=Cause.BOX_OFFLINE, **changes)
    )


def test_healthy_hours_bring_nothing() -> None:
    """Three hours with one failure in a hundred, from a cold start."""
    watched = Watched()
    watched.usual(5_400)
    assert not watched.told


@pytest.mark.parametrize("before", [0, 600])
def test_an_outage_is_found_within_ten_unlocks(before: int) -> None:
    """Also as the first thing that a monitor ever sees."""
    watched = Watched()
    watched.usual(before, failing=0.0)
    for _ in range(10):
        watched.wait(0.5)
        watched.unlock(cause=Cause.API_FAILED)
    watched.wait(2.0)
    (incident,) = watched.last
    assert incident.kind is IncidentKind.FAILURES
    assert incident.cause is Cause.API_FAILED
    assert not incident.cohort


def test_an_incident_becomes_surer_as_it_goes_on() -> None:
    """It opens as soon as there is enough, and is told surer by what comes."""
    watched = Watched()
    watched.usual(300, failing=0.0)
    while not watched.told:
        watched.wait(1.0)
        watched.unlock(cause=Cause.BOX_OFFLINE)
    assert watched.told[0].sure < 0.99
    for _ in range(10):
        watched.wait(10.0)
        watched.unlock(cause=Cause.BOX_OFFLINE)
    (incident,) = watched.last
    assert incident.sure > 0.9999
    assert [one.sure for one in watched.told] == sorted(one.sure for one in watched.told)


def names_of(record: Attempt) -> dict[str, Any]:
    """Return by what a record is known as that of an unlock which had not ended yet."""
    names = ("attempt_id", "command_id", "vehicle_id", "platform", "started_at", "region")
    return {name: getattr(record, name) for name in names}


def diagnosed_by(record: Attempt) -> dict[str, str]:
    """Return by what a diagnosis names the unlock of a record."""
    return {"attempt_id": record.attempt_id, "vehicle_id": record.vehicle_id}


def test_customers_of_cars_that_failed_before_stay_counted() -> None:
    """They count as no other failure; another car that opens after all changes nothing of them."""
    watched = Watched()
    watched.usual(300, failing=0.0)
    for number in range(24):
        watched.wait(1.0)
        watched.unlock(cause=Cause.BOX_SILENT, vehicle_id=f"car-{number % 12}")
    watched.usual(900, failing=0.0)
    (incident,) = watched.last
    assert (incident.failed, incident.cars, incident.customers) == (12, 12, 24)


def test_two_cohorts_that_fail_of_two_things_at_once_are_two_incidents() -> None:
    """Each with its name, and with the numbers of its own alone."""
    watched = Watched()
    watched.usual(900, failing=0.0)
    causes = (Cause.BOX_SAYS_EXPIRED, None, None, Cause.BOX_OFFLINE)
    for number in range(400):
        watched.wait(2.0)
        place = number % 4
        watched.unlock(
            cause=causes[place],
            region="north" if place % 2 else "south",
            operator="operator-a" if place < 2 else "operator-b",
        )
    told = {one.cohort.get("region"): one for one in watched.last if one.joined_to is None}
    assert {*told} == {"north", "south"}
    assert told["south"].title.startswith("operator-a, south: boxes consider commands expired")
    assert told["north"].title.startswith("operator-b, north: boxes offline")
    for one in told.values():
        assert one.customers == one.failed > 0.9 * one.total
        assert one.failed <= 100


def fail_in_two_cohorts(watched: Watched, unlocks: int, modes: Sequence[str]) -> None:
    """Let unlocks fail of one mode with operator a in the south, of one with b in the north."""
    for number in range(unlocks):
        watched.wait(2.0)
        place = number % 4
        mode = modes[place // 3] if place in (0, 3) else ""
        attempt = watched.unlock(
            cause=Cause.DOOR_UNCONFIRMED if mode else None,
            region="north" if place % 2 else "south",
            operator="operator-a" if place < 2 else "operator-b",
        )
        if mode:
            diagnose(watched, mode, attempt_id=attempt.attempt_id)


def test_two_cohorts_of_two_modes_are_never_told_as_one() -> None:
    """The first to be known names what was found of both; the part of the other one is told."""
    watched = Watched()
    watched.usual(300, failing=0.0)
    fail_in_two_cohorts(watched, 200, ["ack_without_actuation", "auto_relock"])
    assert {one.mode: one.cohort for one in watched.last} == {
        "ack_without_actuation": {"operator": "operator-a", "region": "south"},
        "auto_relock": {"operator": "operator-b", "region": "north"},
    }
    assert not any(one.cohorts for one in watched.told)


def test_one_mode_in_two_cohorts_is_one_incident_with_both_names() -> None:
    """Half of their unlocks fail and more, so it is critical; of all unlocks fewer do."""
    watched = Watched()
    watched.usual(300, failing=0.0)
    fail_in_two_cohorts(watched, 160, ["ack_without_actuation"] * 2)
    (one,) = watched.last
    assert one.title.startswith("operator-a, south, and operator-b, north: the box says yes")
    assert one.severity is Severity.CRITICAL
    assert one.failed > 0.8 * one.total


def test_one_operator_in_one_region_is_one_incident_with_its_name() -> None:
    """However many cohorts the test finds it in."""
    watched = Watched()
    watched.usual(900)
    for number in range(200):
        watched.wait(1.0)
        is_hit = number % 4 == 1
        watched.unlock(
            cause=Cause.BOX_OFFLINE if is_hit else None,
            region="north" if number % 2 else "south",
            operator="operator-a" if number % 4 < 2 else "operator-b",
        )
    (incident,) = watched.last
    assert incident.cohort == {"operator": "operator-a", "region": "north"}
    assert incident.title.startswith("operator-a, north: boxes offline since ")
    assert incident.title.endswith("customers")


@pytest.mark.parametrize("quiet", [0, 120], ids=["goes on", "over lately"])
def test_an_operator_that_fails_hides_no_broker(quiet: int) -> None:
    """Everybody fails while its incident is still open: that is another one, of everybody."""
    watched = Watched()
    watched.usual(300, failing=0.0)
    for number in range(60):
        watched.wait(1.0)
        is_hit = number % 4 < 2
        watched.unlock(
            cause=Cause.BOX_OFFLINE if is_hit else None,
            operator="operator-b" if is_hit else "operator-a",
        )
    watched.usual(quiet, every_s=1.0, failing=0.0)
    for _ in range(40):
        watched.wait(1.0)
        watched.unlock(cause=Cause.BROKER_UNREACHABLE)
    operator, everybody = watched.last
    assert (operator.cause, operator.cohort) == (Cause.BOX_OFFLINE, {"operator": "operator-b"})
    assert operator.title.startswith("operator-b: boxes offline")
    assert (everybody.cause, everybody.cohort) == (Cause.BROKER_UNREACHABLE, {})
    assert everybody.title.startswith("The broker cannot be reached")
    assert {operator.state, everybody.state} == {IncidentState.OPEN}


def test_a_problem_of_two_stages_hides_no_problem_of_a_third() -> None:
    """Commands get lost on their way to cars in two ways; then the broker is away as well."""
    watched = Watched()
    watched.usual(300, failing=0.0)
    for number in range(12):
        watched.wait(2.0)
        cause = Cause.BOX_SILENT if number % 3 else Cause.UNCLASSIFIED
        watched.unlock(cause=cause, vehicle_id=f"silent-{number}")
    for number in range(12):
        watched.wait(1.0)
        watched.unlock(cause=Cause.BROKER_UNREACHABLE, vehicle_id=f"away-{number}")
    watched.wait(15.0)
    assert [(one.cause, one.failed) for one in watched.last] == [
        (Cause.BOX_SILENT, 12),
        (Cause.BROKER_UNREACHABLE, 12),
    ]


def test_a_broker_that_is_away_accuses_no_operator() -> None:
    """The first who fail may all be of one operator; the broker knows none."""
    watched = Watched()
    watched.usual(300, failing=0.0)
    for number in range(14):
        watched.wait(1.0)
        operator = "operator-a" if number < 6 else "operator-b"
        watched.unlock(cause=Cause.BROKER_UNREACHABLE, operator=operator)
        for _ in range(4 if number < 6 else 0):
            watched.unlock(operator="operator-b")
    watched.wait(30.0)
    assert {tuple(one.cohort) for one in watched.told} == {()}
    assert watched.told[0].title.startswith("The broker cannot be reached")


def test_what_is_over_is_resolved_after_a_quiet_while() -> None:
    """It ended when the last unlock that failed began, not when enough others had gone well."""
    watched = Watched()
    for _ in range(20):
        watched.wait(1.0)
        last = watched.unlock(cause=Cause.API_FAILED)
    watched.usual(1_200, failing=0.0)
    (incident,) = watched.last
    assert incident.state is IncidentState.RESOLVED
    assert incident.ended_at == pytest.approx(last.started_at, abs=0.002)
    assert (incident.failed, incident.total) == (20, 20)
    assert incident.changes[-1].sentence == "over since 00:00; it lasted 19 s"
    assert incident.at > last.started_at + 900.0


def unlocks_until_over(watched: Watched, cars: Iterable[str] = ()) -> int:
    """Let unlocks go well until nothing is seen of the incident, of `cars` first; count them."""
    names = iter(cars)
    for number in range(1, 200):
        watched.wait(120.0)
        car = next(names, None)
        if car is None:
            watched.unlock()
        else:
            watched.unlock(vehicle_id=car)
        if watched.told[-1].unseen_since is not None:
            return number
    raise AssertionError("it is never over")


def test_what_goes_well_since_the_last_hit_does_not_make_an_incident_smaller() -> None:
    """One in seven failed: ninety that go well are enough, and not only a hundred and ten."""
    watched = Watched()
    watched.usual(300, failing=0.0)
    for number in range(180):
        watched.wait(2.0)
        watched.unlock(cause=Cause.BOX_OFFLINE if number % 7 == 0 else None)
    assert unlocks_until_over(watched) < 95


GARAGE = [f"garage-{number}" for number in range(12)]


def garage_fails() -> Watched:
    """Return what is watched after twelve cars of a garage failed, while others opened."""
    watched = Watched()
    watched.usual(100, failing=0.0)
    for number in range(70):
        watched.wait(2.0)
        if number % 3 == 0:
            watched.unlock(cause=Cause.BOX_OFFLINE, vehicle_id=GARAGE[number // 3 % 12])
        else:
            watched.unlock()
    assert watched.told[-1].failed == 12
    return watched


@pytest.mark.parametrize(("opens", "most"), [(GARAGE, 7), ([], 40)])
def test_cars_that_were_hit_and_open_say_that_it_is_over(opens: list[str], most: int) -> None:
    """Sooner than others do."""
    assert unlocks_until_over(garage_fails(), opens) < most


def test_what_goes_on_is_not_over_as_soon_as_each_of_its_cars_was_hit() -> None:
    """A car counts as hit once in six hours, and what goes well counts each time."""
    watched = garage_fails()
    for number in range(120):
        watched.wait(20.0)
        watched.unlock(cause=Cause.BOX_OFFLINE, vehicle_id=GARAGE[number % 12])
        watched.unlock()
    (incident,) = {each.incident_id: each for each in watched.told}.values()
    assert incident.unseen_since is None
    assert incident.customers > 100
    for _ in range(40):
        watched.wait(20.0)
        watched.unlock()
    assert watched.told[-1].unseen_since is not None


def test_one_sick_car_does_not_prolong_what_is_over() -> None:
    """Whoever comes: three cars must be hit once more."""
    watched = garage_fails()
    for number in range(60):
        watched.wait(20.0)
        is_sick = number % 3 == 0
        watched.unlock(
            cause=Cause.BOX_OFFLINE if is_sick else None,
            vehicle_id=GARAGE[0] if is_sick else f"other-{number}",
        )
    watched.wait(120.0)
    assert watched.told[-1].unseen_since is not None


def test_a_car_that_opens_again_and_again_says_so_once() -> None:
    """The others of those that were hit may not."""
    assert unlocks_until_over(garage_fails(), GARAGE[:1] * 20) > 5


@pytest.mark.parametrize(
    ("share", "failing", "well"),
    [
        pytest.param(1.0, 60, 30, id="all"),
        pytest.param(0.3, 120, 300, id="three in ten", marks=pytest.mark.long),
    ],
)
def test_what_flaps_twenty_times_is_one_alert_and_one_recovery(
    share: float, failing: int, well: int
) -> None:
    """Through all of it, from unlocks to incidents: what flickers is found in many cohorts."""
    watched = Watched()
    watched.usual(600, failing=0.005)
    stream = RandomStream.named(3, "flaps")
    for _ in range(20):
        for _ in range(failing):
            watched.wait(1.0)
            watched.unlock(cause=Cause.BOX_OFFLINE if stream.uniform() < share else None)
        watched.usual(well, failing=0.0)
    watched.usual(2_000, failing=0.0)
    (incident,) = watched.last
    assert incident.state is IncidentState.RESOLVED
    assert [one.changes[-1].kind for one in watched.told].count(ChangeKind.RESOLVED) == 1


def test_a_sick_car_is_no_problem_of_the_fleet() -> None:
    """Fifty customers in a day, and it opens for none."""
    watched = Watched()
    for _ in range(50):
        watched.usual(20, failing=0.0)
        watched.unlock(cause=Cause.VEHICLE_FAILED, vehicle_id="car-x")
    assert not watched.told


@pytest.mark.parametrize("healthy_since", [0, 40])
def test_the_diagnosis_names_the_incident(healthy_since: int) -> None:
    """When it becomes known, the title is another one; also if all is well again by then."""
    watched = Watched()
    for _ in range(12):
        watched.wait(1.0)
        watched.unlock(cause=Cause.BOX_OFFLINE)
    watched.wait(2.0)
    watched.usual(healthy_since, failing=0.0)
    for number in range(1, 13):
        diagnose(watched, "regional_carrier_outage", attempt_id=f"attempt-{number}")
    watched.wait(60.0)
    (incident,) = watched.last
    assert incident.mode == "regional_carrier_outage"
    assert incident.title.startswith("The mobile network is down in the region")


def test_unlocks_out_of_a_backlog_say_nothing_of_now() -> None:
    """A clock that jumped, or records that were held back for an hour."""
    watched = Watched()
    for _ in range(50):
        watched.wait(1.0)
        watched.unlock(cause=Cause.API_FAILED, started_at=watched.time.unix_s() - 7_200.0)
    assert not watched.told
    assert watched.alerting.stats()["too_late"] == 50


def test_a_slow_hop_is_a_notice() -> None:
    """Whatever became of the unlocks: all opened."""
    watched = Watched()
    for _ in range(600):
        watched.wait(2.0)
        watched.unlock(hops_s={"api_answered": 0.2})
    for _ in range(200):
        watched.wait(2.0)
        watched.unlock(hops_s={"api_answered": 2.0})
    (incident,) = watched.last
    assert incident.kind is IncidentKind.LATENCY
    assert incident.title.startswith("The API answers slowly since ")


def test_doors_that_open_late_are_found() -> None:
    """Whatever else fails: it should never happen."""
    watched = Watched()
    watched.usual(200, failing=0.0)
    for _ in range(12):
        attempt = watched.unlock(cause=Cause.BOX_SILENT)
        watched.wait(30.0)
        watched.alerting.record(
            StrayAnswer(
                kind=StrayKind.LATE,
                vehicle_id=attempt.vehicle_id,
                command_id="c",
                phase="executed",
                at=watched.time.unix_s(),
                attempt_id=attempt.attempt_id,
                after_s=50.0,
                source=Source.CUSTOMER,
                is_late_unlock=True,
            )
        )
    watched.wait(5.0)
    (incident,) = watched.last
    assert incident.severity is Severity.CRITICAL
    said = [f"{one.title} {change.sentence}" for one in watched.told for change in one.changes]
    assert any("ommand was delivered too late, and doors open late" in each for each in said)


def test_a_wave_of_lost_cars_is_found_before_anybody_tries() -> None:
    """Forty cars of the north within ten seconds; it is over when they are back."""
    watched = Watched()
    lose_forty(watched)
    (incident,) = watched.last
    assert incident.kind is IncidentKind.CARS_LOST
    assert incident.cohort == {"region": "north"}
    assert incident.opened_at - incident.since < 30.0
    assert (incident.elsewhere_failed, incident.elsewhere_total) == (0, 200)
    opening = incident.changes[0].sentence
    assert "of 200 cars lost (" in opening
    assert opening.endswith("elsewhere 0 of 200; expected by chance once in more than 1000 months")
    for number in range(1, 80, 2):
        say(watched, number, Presence(PresenceStatus.ONLINE, "s2"))
    watched.wait(1_200.0)
    assert watched.last[0].state is IncidentState.RESOLVED


def test_lost_cars_whose_unlocks_fail_have_customers_and_examples() -> None:
    """Also while too few fail to be found by themselves; of other cars none are theirs."""
    watched = Watched()
    lose_forty(watched)
    theirs = watched.unlock(vehicle_id="car-7", region="north", cause=Cause.BOX_OFFLINE)
    watched.unlock(vehicle_id="car-8", region="north", cause=Cause.BOX_OFFLINE)
    watched.wait(40.0)
    ranked = RankedMode("regional_carrier_outage", 0.9)
    for number in range(1, 7, 2):
        said = {"attempt_id": f"wave-{number}", "vehicle_id": f"car-{number}"}
        at = watched.time.unix_s()
        watched.alerting.diagnosis(
            diagnosis_of(ranked, after_s=1.0, cause=Cause.BOX_OFFLINE, at=at, **said)
        )
    watched.wait(40.0)
    (incident,) = watched.last
    assert incident.kind is IncidentKind.CARS_LOST
    assert (incident.customers, incident.examples) == (1, (theirs.attempt_id,))


def test_lost_cars_are_named_without_a_firmware_that_others_have_too() -> None:
    """One operator in one region, all of whose cars have the newest firmware, as many others."""
    watched = Watched()
    groups = {(region, operator): 20 for region in ("west", "east", "mid") for operator in "abc"}
    groups["west", "b"] = 40
    cars = [group for group, number in groups.items() for _ in range(number)]
    for number, (region, operator) in enumerate(cars):
        firmware = "1" if operator == "c" or (region, operator) == ("mid", "a") else "2"
        said = {"region": region, "operator": operator, "firmware": firmware}
        one = msgspec.structs.replace(state(number), **said)
        watched.hear(f"car-{number}", one, is_retained=True)
        say(watched, number, ONLINE)
    watched.wait(600.0)
    for number, group in enumerate(cars):
        if group == ("west", "b"):
            say(watched, number, WILL)
            watched.wait(0.5)
    watched.wait(30.0)
    (incident,) = watched.last
    assert incident.cohort == {"region": "west", "operator": "b"}
    assert incident.title.startswith("b, west: ")


def test_all_cars_that_reconnect_at_once_are_named() -> None:
    """Since all were lost: a car or two that were lost just before are not its begin."""
    watched = Watched()
    for number in range(100):
        watched.hear(f"car-{number}", state(number), is_retained=True)
        say(watched, number, Presence(PresenceStatus.ONLINE, "s1"))
    watched.wait(600.0)
    say(watched, 0, Presence(PresenceStatus.OFFLINE, "s1", PresenceReason.LAST_WILL))
    watched.wait(50.0)
    began_at = watched.time.unix_s()
    for number in range(1, 100):
        say(watched, number, Presence(PresenceStatus.OFFLINE, "s1", PresenceReason.LAST_WILL))
    watched.wait(20.0)
    (incident,) = watched.last
    assert incident.since == began_at
    for number in range(100):
        say(watched, number, Presence(PresenceStatus.ONLINE, "s2"))
    watched.wait(1_200.0)
    (incident,) = watched.last
    assert incident.title.startswith("All cars are reconnecting at once since ")


def test_a_large_fleet_loses_cars_all_day() -> None:
    """One in five thousand cars every second, and bursts of five, are no wave."""
    watched = Watched()
    for number in range(5_000):
        name, session = f"car-{number}", Presence(PresenceStatus.ONLINE, "0")
        watched.hear(name, state(number), is_retained=True)
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


@pytest.mark.parametrize(
    "changes",
    [
        {"cause": Cause.BOX_SAYS_EXPIRED},
        {
            "cause": Cause.API_REFUSED,
            "platform": PlatformSide(status=403, problem="vehicle-not-booked"),
        },
    ],
    ids=["by its cause", "by what the customer is told"],
)
def test_what_hardly_ever_happens_is_found_after_six_unlocks(changes: dict[str, Any]) -> None:
    """Of a part of the cars."""
    watched = Watched()
    watched.usual(600, failing=0.0)
    for number in range(12):
        watched.wait(2.0)
        watched.unlock(**(changes if number % 2 else {}))
    watched.wait(2.0)
    (incident,) = watched.last
    assert incident.failed <= 6


def test_three_cars_are_enough_where_the_evidence_is() -> None:
    """Of what hardly ever happens; one car that fails three times is a sick one."""
    watched = Watched()
    watched.usual(300, failing=0.0)
    for _ in range(3):
        watched.wait(1.0)
        watched.unlock(cause=Cause.BOX_REJECTED, vehicle_id="car-sick")
    watched.wait(10.0)
    assert not watched.told
    for _ in range(3):
        watched.wait(1.0)
        watched.unlock(cause=Cause.BOX_REJECTED)
    watched.wait(10.0)
    (incident,) = watched.last
    assert incident.cause is Cause.BOX_REJECTED


def test_cars_that_open_unnoticed_by_the_platform_are_found() -> None:
    """It gave their commands up, and says so in its log."""
    watched = Watched()
    watched.usual(300, failing=0.0)
    for number in range(8):
        watched.wait(2.0)
        outcome = "expired" if number % 2 else "executed"
        watched.unlock(
            platform=PlatformSide(account_id=f"one-{number}", status=202, outcome=outcome)
        )
    watched.wait(2.0)
    (incident,) = watched.last
    assert incident.kind is IncidentKind.FAILURES
    assert incident.failed <= 4


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
        again = watched.unlock(vehicle_id=vehicles[number])
        diagnose(
            watched,
            "wrong_car_approached",
            attempt_id=again.attempt_id,
            vehicle_id=again.vehicle_id,
        )
    watched.wait(60.0)
    assert "he customer stands at another car since " in watched.last[0].title


def test_cars_of_one_kind_at_one_place_are_found_after_six_unlocks() -> None:
    """Of each pair of their traits two in three unlocks go well."""
    watched = Watched()
    kinds: list[dict[str, Any]] = [
        {"region": region, "operator": operator, "firmware": firmware}
        for region in ("north", "south")
        for operator in ("operator-a", "operator-b")
        for firmware in ("2.4.1", "2.5.0")
    ]
    for number in range(80):
        watched.wait(3.0)
        watched.unlock(**kinds[number % 8])
    for number in range(48):
        watched.wait(3.0)
        is_hit = number % 8 == 0
        watched.unlock(cause=Cause.BOX_SILENT if is_hit else None, **kinds[number % 8])
    (incident,) = watched.last
    assert kinds[0].items() <= incident.cohort.items() or incident.total == incident.failed


def test_what_goes_on_under_a_name_is_not_over() -> None:
    """Every fourth unlock fails of one mode, which its diagnosis says after its record."""
    watched = Watched()
    watched.usual(600, failing=0.0)
    for number in range(200):
        watched.wait(2.0)
        attempt = watched.unlock(cause=None if number % 4 else Cause.BOX_OFFLINE)
        if attempt.cause is not None:
            diagnose(watched, "undervoltage_cutout", attempt_id=attempt.attempt_id)
    watched.wait(2.0)
    (incident,) = watched.last
    assert incident.state is IncidentState.OPEN
    assert incident.failed > 25
    assert len([one for one in watched.told if one.failed == incident.failed]) == 1


def test_what_is_diagnosed_as_something_else_by_now_is_the_same_incident() -> None:
    """An outage of which twelve unlocks look like one thing at first, and thirty like another."""
    watched = Watched()
    watched.usual(300, failing=0.0)
    for number in range(42):
        watched.wait(2.0)
        attempt = watched.unlock(cause=Cause.BOX_OFFLINE)
        names = diagnosed_by(attempt)
        modes = [RankedMode("half_open_tcp_nat", 0.7), RankedMode("regional_carrier_outage", 0.3)]
        ranked = modes if number < 12 else [*reversed(modes)]
        watched.alerting.diagnosis(diagnosis_of(*ranked, after_s=1.0, **names))
    watched.wait(60.0)
    assert len(watched.last) == 1


@pytest.mark.parametrize("is_revised", [True, False], ids=["revised", "as it was"])
def test_what_all_proves_to_be_of_one_mode_is_counted_as_one(*, is_revised: bool) -> None:
    """A release that crashes looks like restarts at first; other cars open all the time."""
    watched = Watched()
    watched.usual(300, failing=0.0)
    first: list[dict[str, str]] = []
    for number in range(60):
        watched.wait(1.0)
        watched.unlock(operator="operator-b")
        watched.wait(1.0)
        failed = watched.unlock(cause=Cause.BOX_OFFLINE, operator="operator-a")
        names = diagnosed_by(failed)
        diagnose(
            watched, "update_or_daily_reboot" if number < 8 else "bad_firmware_cohort", **names
        )
        first += [names] if number < 8 else []
        if is_revised and number == 30:
            for each in first:
                diagnose(watched, "bad_firmware_cohort", **each)
    watched.usual(300, failing=0.0)
    (incident,) = watched.last
    assert (incident.mode, incident.failed) == ("bad_firmware_cohort", 60)
    assert incident.cohort["operator"] == "operator-a"
    assert incident.elsewhere_failed == 0


def test_customers_who_no_longer_come_are_missed() -> None:
    """After an hour of one a second, five minutes of none."""
    watched = Watched()
    watched.usual(5_000, every_s=1.0, failing=0.0)
    watched.wait(300.0)
    (incident,) = watched.last
    assert incident.kind is IncidentKind.SILENCE
    watched.usual(1_500, every_s=1.0, failing=0.0)
    assert watched.last[0].state is IncidentState.RESOLVED


def test_who_is_not_connected_says_so_and_misses_nobody() -> None:
    """No silence is found while the monitor is blind."""
    watched = Watched()
    watched.usual(5_000, every_s=1.0, failing=0.0)
    watched.alerting.connection(is_there=False)
    watched.wait(600.0)
    assert [one.kind for one in watched.last] == [IncidentKind.MONITOR_BLIND]
    watched.alerting.connection(is_there=True)
    watched.wait(1_200.0)
    assert watched.last[0].state is IncidentState.RESOLVED


def test_an_account_that_tries_cars_is_suspicious() -> None:
    """Six cars are refused to it within minutes."""
    watched = Watched()
    refused_many(watched, 403, "booking-of-another")
    (incident,) = watched.last
    assert incident.kind is IncidentKind.SUSPICIOUS
    assert incident.mode == "attack_bruteforce_vehicle_ids"
    assert incident.title.endswith(", 1 customer")


@pytest.mark.parametrize(
    ("status", "problem", "source"),
    [
        (409, "booking-not-started", Source.CUSTOMER),
        (422, "idempotency-key-reused", Source.CUSTOMER),
        (404, "booking-unknown", Source.PROBE),
    ],
)
def test_own_bookings_and_monitors_are_not_suspicious(
    status: int, problem: str, source: Source
) -> None:
    """An account that is refused what is its own, or a monitor with a wrong list of bookings."""
    watched = Watched()
    refused_many(watched, status, problem, source=source)
    assert all(one.kind is not IncidentKind.SUSPICIOUS for one in watched.last)


def test_unlocks_of_a_monitors_account_that_another_made_are_not_suspicious() -> None:
    """Two monitors may ask with one account."""
    watched = Watched()
    watched.unlock(source=Source.PROBE, platform=PlatformSide(account_id="one", status=200))
    refused_many(watched, 404, "booking-unknown")
    for _ in range(12):
        watched.unlock(platform=PlatformSide(account_id="one", status=200))
    watched.wait(12.0)
    assert all(one.kind is not IncidentKind.SUSPICIOUS for one in watched.last)


def refused_many(
    watched: Watched, status: int, problem: str, *, source: Source = Source.CUSTOMER
) -> None:
    """Let one account be refused six cars within minutes."""
    side = PlatformSide(account_id="one", status=status, problem=problem)
    for _ in range(6):
        watched.wait(20.0)
        watched.unlock(cause=Cause.API_REFUSED, platform=side, source=source)
    watched.wait(12.0)


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


def test_a_customer_without_account_and_booking_is_a_car() -> None:
    """Somebody stood at each of them."""
    watched = Watched()
    for _ in range(8):
        watched.wait(8.0)
        watched.unlock(cause=Cause.BOX_REJECTED, platform=UNSET)
    watched.wait(12.0)
    (incident,) = watched.last
    assert incident.customers == incident.cars > 5


def test_a_failure_that_is_over_hides_no_next_one_of_the_same_cars() -> None:
    """Eight cars fail of one thing, open, and fail of another one minutes later."""
    watched = Watched()
    watched.usual(300, failing=0.0)
    cars = [f"struck-{number}" for number in range(8)]
    for cause in (Cause.BOX_SAYS_EXPIRED, Cause.VEHICLE_FAILED, Cause.BOX_REJECTED):
        for is_hit in (True, False):
            for car in cars:
                watched.wait(3.0)
                watched.unlock(cause=cause if is_hit else None, vehicle_id=car)
                watched.unlock()
    watched.wait(30.0)
    assert [(one.cause, one.cars) for one in watched.last] == [
        (Cause.BOX_SAYS_EXPIRED, 8),
        (Cause.VEHICLE_FAILED, 8),
        (Cause.BOX_REJECTED, 8),
    ]


def fail(watched: Watched, unlocks: int) -> None:
    """Let so many unlocks fail, one a second."""
    for _ in range(unlocks):
        watched.wait(1.0)
        watched.unlock(cause=Cause.API_FAILED)


def act(watched: Watched, kind: ActionKind) -> None:
    """Let a person do something to the last incident."""
    watched.alerting.act(
        IncidentAction(
            incident_id=watched.last[-1].incident_id,
            kind=kind,
            by="Ada",
            at=watched.time.unix_s(),
        )
    )


def test_a_monitor_that_starts_knows_what_goes_on() -> None:
    """It takes up its open incident, and does not open another."""
    watched = Watched()
    fail(watched, 60)
    watched.restart()
    watched.wait(30.0)
    fail(watched, 30)
    (incident,) = watched.last
    assert incident.state is IncidentState.OPEN
    assert incident.customers > 60


@pytest.mark.parametrize("restarts_after", [0, 50, 100])
def test_a_restart_prolongs_no_incident(restarts_after: int) -> None:
    """It ends as it would have, whether the fault ended before the restart or after."""
    watched = Watched()
    fail(watched, 60)
    act(watched, ActionKind.MUTE)
    if not restarts_after:
        watched.restart()
    act(watched, ActionKind.UNMUTE)
    over_at = watched.time.unix_s()
    for number in range(1, 700):
        watched.usual(1, failing=0.0)
        if number == restarts_after:
            watched.restart()
    (incident,) = watched.last
    assert incident.state is IncidentState.RESOLVED
    assert incident.ended_at is not None
    assert over_at - 21.0 < incident.ended_at < over_at
    assert incident.at - over_at < QUIET_S + 80.0


@pytest.mark.parametrize(
    ("reason", "incidents"), [(PROBE_STOPPED, 0), ("connection lost: broken pipe", 1)]
)
def test_a_monitor_that_is_told_to_stop_is_not_blind(reason: str, incidents: int) -> None:
    """What was under way then is no sign of anything; what a broken connection hides is one."""
    watched = Watched()
    watched.usual(100, failing=0.0)
    for _ in range(10):
        watched.unlock(cause=Cause.NOT_OBSERVED, reason=reason)
    watched.restart()
    watched.usual(10, failing=0.0)
    assert len(watched.last) == incidents


def lose_forty(watched: Watched) -> None:
    """Let forty of two hundred cars of the north be lost within ten seconds."""
    for number in range(400):
        watched.hear(f"car-{number}", state(number), is_retained=True)
        say(watched, number, ONLINE)
    watched.wait(600.0)
    for number in range(1, 80, 2):
        say(watched, number, WILL)
        watched.wait(0.25)
    watched.wait(30.0)


def hear_what_is_retained(watched: Watched, lost: range) -> None:
    """Let a monitor that has started hear where cars stand."""
    for number in range(400):
        name, said = f"car-{number}", WILL if number in lost else ONLINE
        watched.hear(name, said, is_retained=True)
        watched.hear(name, state(number), is_retained=True)


@pytest.mark.parametrize("unlocks", [0, 40])
def test_cars_that_are_lost_are_still_lost_after_a_restart(unlocks: int) -> None:
    """The incident is what it was, as sure as it was, and ends when they are back."""
    watched = Watched()
    lose_forty(watched)
    for number in range(unlocks):
        watched.wait(1.0)
        region = "north" if number % 2 else "south"
        cause = Cause.BOX_OFFLINE if number % 4 == 1 else None
        watched.unlock(cause=cause, region=region, operator="operator-a")
    watched.wait(30.0)
    (before,) = watched.last
    watched.restart()
    hear_what_is_retained(watched, range(1, 80, 2))
    watched.wait(300.0)
    for number in range(1, 80, 2):
        say(watched, number, Presence(PresenceStatus.ONLINE, "s2"))
    back_at = watched.time.unix_s()
    watched.wait(60.0)
    watched.usual(700 if unlocks else 0, failing=0.0)
    watched.wait(1_200.0)
    (after,) = watched.last
    since = [one for one in watched.told if one.revision >= before.revision]
    assert {one.kind for one in since} == {before.kind}
    assert min(one.sure for one in since) == before.sure
    assert after.state is IncidentState.RESOLVED
    assert after.ended_at is not None
    assert 0.0 <= after.ended_at - back_at < 11.0
    assert after.at - back_at < QUIET_S + 180.0


def test_an_incident_of_lost_cars_stays_one_over_a_restart() -> None:
    """Also where more customers are hit before it is known which cars are still lost."""
    watched = Watched()
    lose_forty(watched)
    said = []
    for number in range(1, 80, 2):
        ranked = RankedMode("regional_carrier_outage", 0.9)
        names = {"attempt_id": f"wave-{number}", "vehicle_id": f"car-{number}"}
        at = watched.time.unix_s()
        said.append(diagnosis_of(ranked, after_s=1.0, cause=Cause.BOX_OFFLINE, at=at, **names))
        watched.alerting.diagnosis(said[-1])

    def fail_there(unlocks: int) -> None:
        for _ in range(unlocks):
            watched.wait(0.5)
            watched.unlock(cause=Cause.BOX_OFFLINE, region="north", operator="operator-a")

    fail_there(12)
    watched.wait(40.0)
    watched.restart(said)
    revision = watched.last[0].revision
    fail_there(40)
    hear_what_is_retained(watched, range(1, 80, 2))
    fail_there(20)
    watched.wait(60.0)
    since = [one.kind for one in watched.told if one.revision > revision]
    assert {*since} == {IncidentKind.CARS_LOST}


def test_cars_that_came_back_while_the_monitor_was_away_are_not_lost() -> None:
    """A car or two that stay away are no wave."""
    watched = Watched()
    lose_forty(watched)
    watched.restart()
    restarted_at = watched.time.unix_s()
    hear_what_is_retained(watched, range(1, 12, 2))
    watched.wait(1_200.0)
    (incident,) = watched.last
    assert incident.state is IncidentState.RESOLVED
    assert incident.at - restarted_at < QUIET_S + 30.0


def test_what_was_diagnosed_is_known_after_a_restart() -> None:
    """An incident keeps its name, and its diagnoses are read from what was written."""
    watched = Watched()
    watched.usual(100, failing=0.0)
    said = []
    for _ in range(6):
        watched.wait(5.0)
        attempt = watched.unlock(cause=Cause.VEHICLE_FAILED)
        said.append(
            diagnosis_of(
                RankedMode("actuator_inhibit_or_frozen", 0.9),
                attempt_id=attempt.attempt_id,
                vehicle_id=attempt.vehicle_id,
                cause=attempt.cause,
                at=watched.time.unix_s(),
                after_s=2.0,
            )
        )
        watched.alerting.diagnosis(said[-1])
    watched.wait(10.0)
    (before,) = watched.last
    watched.restart(said)
    assert watched.alerting.incidents.open == [before]
    watched.usual(800, failing=0.0)
    (after,) = watched.last
    assert after.mode == "actuator_inhibit_or_frozen"
    assert after.state is IncidentState.RESOLVED


def test_what_a_person_closed_stays_closed_over_a_restart() -> None:
    """While it goes on; what has ended and comes back is the same incident."""
    watched = Watched()
    fail(watched, 60)
    act(watched, ActionKind.CLOSE)
    watched.restart()
    fail(watched, 30)
    (incident,) = watched.last
    assert incident.state is IncidentState.CLOSED


def test_what_was_closed_long_ago_and_goes_on_stays_closed_over_a_restart() -> None:
    """What has ended meanwhile and begins anew is a new incident."""
    watched = Watched()
    fail(watched, 60)
    act(watched, ActionKind.CLOSE)
    for _ in range(200):
        watched.wait(40.0)
        fail(watched, 1)
    watched.restart()
    fail(watched, 30)
    (incident,) = watched.last
    assert incident.state is IncidentState.CLOSED


def test_what_comes_back_after_a_restart_is_the_same_incident() -> None:
    """Within the hour, as it would have been without."""
    watched = Watched()
    fail(watched, 60)
    watched.usual(700, failing=0.0)
    assert watched.last[0].state is IncidentState.RESOLVED
    watched.restart()
    fail(watched, 60)
    (incident,) = watched.last
    assert incident.state is IncidentState.OPEN


def test_cars_of_unknown_kind_belong_to_no_cohort_and_not_elsewhere() -> None:
    """New firmware fails, also in cars that have not said which they have: it stays named."""
    watched = Watched()
    watched.usual(300, failing=0.0)
    unknown = dict.fromkeys(("region", "operator", "firmware", "hardware"))
    for number in range(600):
        watched.wait(2.0)
        firmware = "2.5" if number % 5 == 0 else "2.4"
        labels = unknown if number // 5 % 2 else {"firmware": firmware}
        watched.unlock(cause=Cause.BOX_SILENT if firmware == "2.5" else None, **labels)
    (incident,) = watched.last
    assert incident.cohort == {"firmware": "2.5"}
    assert incident.elsewhere_failed == 0
    assert incident.elsewhere_total < 300


def test_what_fails_more_often_in_cars_of_unknown_kind_is_another_problem() -> None:
    """Nearly all of them fail, beside one firmware: that is not all of that firmware."""
    watched = Watched()
    watched.usual(300, failing=0.0)
    unknown = dict.fromkeys(("region", "operator", "firmware", "hardware"))
    for number in range(300):
        watched.wait(2.0)
        firmware = "2.5" if number % 10 == 0 else "2.4"
        is_unknown = number % 2 == 1
        is_hit = is_unknown or firmware == "2.5"
        labels = unknown if is_unknown else {"firmware": firmware}
        watched.unlock(cause=Cause.BOX_SILENT if is_hit else None, **labels)
    assert max(one.failed for one in watched.last) > 100


@pytest.mark.parametrize("after_s", [0.01, 5.0])
def test_a_broker_that_stops_loses_no_cars(after_s: float) -> None:
    """It tells the last wills of all, and then the monitor is disconnected too."""
    watched = Watched()
    for number in range(80):
        watched.hear(f"car-{number}", state(number), is_retained=True)
        say(watched, number, ONLINE)
    watched.wait(605.0 - after_s)
    for number in range(1, 80, 2):
        say(watched, number, WILL)
    watched.wait(after_s)
    watched.alerting.connection(is_there=False)
    watched.wait(60.0)
    kinds = {one.kind for one in watched.told if one.state is IncidentState.OPEN}
    assert kinds == {IncidentKind.MONITOR_BLIND}
