"""Several cohorts: one incident for one problem, and numbers that count each unlock once."""

from __future__ import annotations

from typing import Any, Final

import pytest

from bench.detection.town import EPOCH_S
from fleet_wire.contract.causes import Cause
from fleet_wire.contract.incident import ChangeKind, IncidentKind, IncidentState
from platform_probe.judge.incidents.incidents import QUIET_S, UNSEEN_S
from platform_probe.judge.incidents.maintenance import MaintenanceWindow
from tests.helpers.told_incidents import Told

NORTH: Final = {"operator": "operator-b", "region": "north"}
SOUTH: Final = {"operator": "operator-a", "region": "south"}
OUTAGE: Final[dict[str, Any]] = {"modes": {"regional_carrier_outage": 9.0}, "diagnosed": 10}
LOST: Final[dict[str, Any]] = {**OUTAGE, "causes": {}}
STATE: Final = {Cause.VEHICLE_STATE: 20}
OFFLINE: Final = {Cause.BOX_OFFLINE: 4}
RELOCKED: Final[dict[str, Any]] = {"modes": {"auto_relock": 9.0}, "diagnosed": 10}


def names(prefix: str, number: int) -> frozenset[str]:
    """Return the names of so many customers or cars."""
    return frozenset(f"{prefix}-{each}" for each in range(number))


def of(cohort: dict[str, str], hit: int = 10, total: int = 20, **more: Any) -> dict[str, Any]:
    """Return what a finding of a cohort says of whom it hits: others than those of any other.

    A finding in all cars hits those of the north and of the south in turn.
    """
    whose = ["/".join(one.values()) for one in ((cohort,) if cohort else (NORTH, SOUTH))]
    hits = [f"{whose[each % len(whose)]}/{each // len(whose)}" for each in range(hit)]
    return {
        "cohort": cohort, "failed": hit, "total": total,
        "customers": frozenset(f"who-{one}" for one in hits),
        "cars": frozenset(f"car-{one}" for one in hits), **more,
    }  # fmt: skip


def test_two_cohorts_of_one_mode_at_once_are_one_incident_with_true_numbers() -> None:
    """The title names both; each unlock counts once, and elsewhere is what is in neither."""
    told = Told()
    told.take(1, **of(NORTH, 8, 20, elsewhere_failed=6, elsewhere_total=80), **OUTAGE)
    told.take(2, **of(SOUTH, 5, 15, elsewhere_failed=9, elsewhere_total=85), **OUTAGE)
    told.wait(40.0)
    told.take(1, **of(NORTH, 18, 30, elsewhere_failed=13, elsewhere_total=109), **OUTAGE)
    told.take(2, **of(SOUTH, 12, 25, elsewhere_failed=19, elsewhere_total=114), **OUTAGE)
    (one,) = told.each
    assert one.title.startswith(
        "operator-a, south, and operator-b, north: the mobile network is down in the region since"
    )
    assert (one.cohort, one.cohorts) == ({}, (SOUTH, NORTH))
    told.wait(40.0)
    told.take(2, **of(SOUTH, 24, 50, elsewhere_failed=19, elsewhere_total=139), **OUTAGE)
    (one,) = told.each
    assert (one.failed, one.total) == (18 + 24, 30 + 50)
    assert (one.elsewhere_failed, one.elsewhere_total) == (43 - 42, 189 - 80)
    assert (one.customers, one.cars) == (42, 42)
    assert one.changes[-1].sentence.endswith(
        "42 of 80 hit (52 %), 2.0 % expected; elsewhere 1 of 109"
    )


def test_what_is_over_in_one_of_two_cohorts_stays_in_the_title_and_in_the_numbers() -> None:
    """The north is back sooner; when all is over the title still says whom it has hit."""
    told = Told()
    told.take(1, **of(NORTH), **OUTAGE)
    told.take(2, **of(SOUTH), **OUTAGE)
    told.wait(60.0)
    told.take(1, **of(NORTH), **OUTAGE, is_over=True)
    told.wait(60.0)
    told.take(2, **of(SOUTH), **OUTAGE, is_over=True)
    told.wait(QUIET_S + 10.0)
    (one,) = told.each
    assert one.state is IncidentState.RESOLVED
    assert one.title.startswith("operator-a, south, and operator-b, north: ")
    assert (one.failed, one.total, one.customers) == (20, 40, 20)


def test_two_cohorts_of_two_modes_are_two_incidents() -> None:
    """Each with its own title and numbers."""
    told = Told()
    told.take(1, **of(NORTH), **OUTAGE)
    told.take(2, **of(SOUTH, 7), **RELOCKED, causes={Cause.VEHICLE_STATE: 7})
    told.wait(60.0)
    north, south = told.each
    assert north.title.startswith("operator-b, north: the mobile network is down")
    assert south.title.startswith("operator-a, south: the car locked itself again")
    assert (north.failed, south.failed) == (10, 7)
    assert (north.customers, south.customers) == (10, 7)


def test_what_proves_to_be_of_another_mode_in_others_is_another_incident() -> None:
    """Two problems that began together and hit all as far as was known; lost cars stay."""
    told = Told()
    told.take(1, **of({}, 10, 40), **OUTAGE)
    told.take(2, **of(NORTH, 60, 60), kind=IncidentKind.CARS_LOST, what="cars_lost", **LOST)
    relocked = {"modes": {"auto_relock": 9.0}, "diagnosed": 10, "causes": {}}
    told.take(3, **of({}, 5, 40), what="again", **relocked)
    told.wait(30.0)
    told.take(1, **of(NORTH), **OUTAGE)
    told.take(3, **of(SOUTH, 7), what="again", **relocked)
    told.wait(10.0)
    told.wait(10.0)
    north, south = told.each
    assert north.title.startswith("operator-b, north: the mobile network is down")
    assert south.cohort == SOUTH
    assert south.related == (north.incident_id,)
    assert (south.customers, north.customers, north.cars) == (7, 60, 60)
    assert [one.kind for one in south.changes] == [ChangeKind.SPLIT]
    assert [one.kind for one in north.changes].count(ChangeKind.SPLIT) == 1


def test_what_leaves_an_incident_leaves_once() -> None:
    """The south's findings are linked by their mode, and part from the north together."""
    told = Told()
    told.take(1, **of(NORTH), **OUTAGE)
    told.take(2, **of({}, 8, 40), what="again", **RELOCKED)
    told.take(3, **of({}, 9, 40), what="door_unconfirmed", **RELOCKED)
    told.wait(30.0)
    assert ChangeKind.SPLIT not in told.kinds
    told.take(2, **of(SOUTH, 8, 40), what="again", **RELOCKED)
    told.take(3, **of(SOUTH, 9, 40), what="door_unconfirmed", **RELOCKED)
    told.wait(10.0)
    told.wait(10.0)
    assert [one.cohort for one in told.each] == [NORTH, SOUTH]
    assert told.kinds.count(ChangeKind.SPLIT) == 3


def test_what_unlocks_fail_of_whose_cars_are_lost_is_of_that_incident() -> None:
    """A finding in all cars goes to the incident that has its cars."""
    told = Told()
    told.take(1, **of(NORTH, 60, 60), kind=IncidentKind.CARS_LOST, what="cars_lost", **LOST)
    told.take(2, **of(SOUTH, 20, 30), modes={"auto_relock": 20.0}, diagnosed=20, causes=STATE)
    cars = frozenset(f"car-operator-b/north/{each}" for each in range(4))
    told.take(3, **{**of({}, 4, 50), "cars": cars}, what="failed_box_offline", causes=OFFLINE)
    told.wait(31.0)
    assert [one.cohort for one in told.each] == [NORTH, SOUTH]


def test_two_groups_with_two_diagnoses_stay_two_though_one_finding_holds_both() -> None:
    """Modems sleep in one group and an ignition is on in another, at one operator and firmware."""
    told = Told()
    cohort = {"operator": "operator-a", "firmware": "2.1"}
    asleep, on = names("asleep", 12), names("on", 9)
    told.take(1, **{**of(cohort, 21, 60), "cars": asleep | on})
    sleeping = {"modes": {"deep_sleep_modem_off": 11.0}, "diagnosed": 12}
    told.take(2, **{**of(cohort, 12, 40), "cars": asleep}, what="failed_box_asleep", **sleeping)
    driving = {"modes": {"wrong_vehicle_state": 8.5}, "diagnosed": 9, "causes": STATE}
    told.take(3, **{**of(cohort, 9, 40), "cars": on}, what="failed_vehicle_state", **driving)
    told.wait(31.0)
    assert sorted(str(one.mode) for one in told.incidents.open) == [
        "deep_sleep_modem_off",
        "wrong_vehicle_state",
    ]


def test_a_cohort_does_not_count_whom_a_wider_finding_hits() -> None:
    """Six of nine are not 77 cars and 99 customers."""
    told = Told()
    told.take(1, **{**of({}, 60, 400), "cars": names("car", 77), "customers": names("who", 99)})
    told.take(
        2, **{**of(NORTH, 6, 9), "cars": names("car", 6), "customers": names("who", 6)}, **OUTAGE
    )
    told.wait(31.0)
    told.take(1, **{**of({}, 61, 410), "cars": names("car", 77), "customers": names("who", 99)})
    told.wait(31.0)
    (one,) = told.incidents.open
    assert (one.failed, one.customers, one.cars) == (6, 6, 6)


def test_one_cohort_after_the_other_is_two_incidents() -> None:
    """Of one mode, a quarter of an hour apart."""
    told = Told()
    told.take(1, **of(NORTH), **OUTAGE)
    told.wait(900.0)
    told.take(2, **of(SOUTH), **OUTAGE)
    told.wait(60.0)
    assert [one.cohort for one in told.each] == [NORTH, SOUTH]


def test_more_than_two_cohorts_are_named_by_what_they_share() -> None:
    """Or by how many they are."""
    told = Told()
    for number, region in enumerate(("north", "south", "west")):
        told.take(number, **of({"operator": "operator-a", "region": region}), **OUTAGE)
    told.wait(40.0)
    told.take(0, **of({"operator": "operator-a", "region": "north"}, 40, 60), **OUTAGE)
    (one,) = told.each
    assert one.title.startswith("operator-a, 3 cohorts: the mobile network is down in the region")
    assert (one.cohort, one.failed) == ({"operator": "operator-a"}, 60)


def test_findings_that_overlap_are_not_added_up() -> None:
    """All unlocks, then those of the north, of which some are of both."""
    told = Told()
    told.take(1, **of({}, 20, 100, elsewhere_total=0))
    told.take(2, **of(NORTH, 8, 15, elsewhere_failed=12, elsewhere_total=85), **OUTAGE)
    told.wait(40.0)
    told.take(1, **of({}, 40, 150, elsewhere_total=0), **OUTAGE)
    (one,) = told.each
    assert (one.failed, one.total, one.elsewhere_total) == (40, 150, 0)


def test_everybody_is_no_second_cohort() -> None:
    """Whatever all have in common by chance: those of the other one are among them."""
    told = Told()
    told.take(1, **of({}, 40, 90, common={"operator": "operator-a"}), **OUTAGE)
    told.take(2, **of(NORTH, 8, 15, elsewhere_failed=32, elsewhere_total=75), **OUTAGE)
    told.wait(40.0)
    told.take(1, **of({}, 60, 130, common={"operator": "operator-a"}), **OUTAGE)
    (one,) = told.each
    assert (one.title.partition(" since ")[0], one.failed, one.cohorts) == (
        "The mobile network is down in the region", 60, (),
    )  # fmt: skip


def test_what_comes_again_in_the_same_cohort_is_added_up() -> None:
    """Two flaps hit different unlocks."""
    told = Told()
    told.take(1, **of(NORTH))
    told.take(1, **of(NORTH), is_over=True)
    told.wait(300.0)
    told.take(2, **of(NORTH, 6, 9))
    told.wait(40.0)
    (one,) = told.each
    assert (one.failed, one.total) == (16, 29)


def test_customers_of_another_incident_are_none_of_this_one() -> None:
    """First all that fails, then it proves to be the north alone; the south is another problem."""
    told = Told()
    told.take(1, cohort={}, failed=16, total=40, customers=names("who", 16), cars=names("car", 16))
    told.wait(40.0)
    told.take(1, **of(NORTH, 9, 15), **OUTAGE)
    assert (told.last.customers, told.last.cars, told.last.failed) == (9, 9, 9)


def window(cohort: dict[str, str], until_s: float = 300.0) -> MaintenanceWindow:
    """Return a window that goes on from the beginning."""
    return MaintenanceWindow(
        name="new antennas", since=EPOCH_S - 600.0, until=EPOCH_S + until_s, cohort=cohort
    )


@pytest.mark.parametrize("is_first", [True, False])
def test_a_window_mutes_one_of_two_cohorts(*, is_first: bool) -> None:
    """Both fail of one mode at once: the half in the window is told of by no message."""
    told = Told(window({"region": "south"}))
    both = [(1, of(NORTH)), (2, of(SOUTH))]
    for number, whom in both if is_first else reversed(both):
        told.take(number, **whom, **OUTAGE)
    told.wait(60.0)
    told.take(1, **of(NORTH, 30, 40), **OUTAGE)
    told.take(2, **of(SOUTH, 30, 40), **OUTAGE)
    told.wait(60.0)
    north, south = sorted(told.each, key=lambda one: one.cohort["region"])
    assert (north.maintenance, south.maintenance) == (None, "new antennas")
    assert (north.failed, north.customers, south.failed) == (30, 30, 30)
    told.wait(200.0)
    sentences = [each.sentence for one in told.each for each in one.changes]
    assert "new antennas is over, but this goes on" in sentences
    (one,) = told.incidents.open
    assert (one.cohorts, one.failed) == ((SOUTH, NORTH), 60)
    assert one.incident_id == north.incident_id  # of which there is a message


def test_what_reaches_beyond_a_window_is_told_while_it_goes_on() -> None:
    """Nothing says that the window is over before it is."""
    told = Told(window({"region": "south"}))
    told.take(1, **of(SOUTH))
    assert told.last.maintenance == "new antennas"
    told.wait(60.0)
    told.take(1, **of({"operator": "operator-a"}, 40, 60))
    told.wait(10.0)
    assert told.last.maintenance is None
    assert told.last.changes[-1].kind is ChangeKind.UNMUTED
    assert told.last.changes[-1].sentence == "it reaches beyond new antennas: operator-a"


def test_a_window_covers_a_cohort_by_whatever_name() -> None:
    """All of operator b's cars are in the south."""
    told = Told(window({"region": "south"}))
    both = {"operator": "operator-b", "region": "south"}
    told.take(1, **of({"operator": "operator-b"}, common=both))
    told.wait(10.0)
    assert told.last.maintenance == "new antennas"


@pytest.mark.parametrize(
    ("changes", "incidents"),
    [
        (of(NORTH, causes={Cause.BOX_OFFLINE: 10}), 1),
        (of(NORTH, kind=IncidentKind.CARS_LOST, what="cars_lost", causes={}), 1),
        (of(NORTH, causes={Cause.VEHICLE_STATE: 10}), 2),
        (of(NORTH, causes={Cause.BOX_OFFLINE: 10}, **RELOCKED), 2),
        (of({}, kind=IncidentKind.LATENCY, what="slow_published", causes={}), 2),
        (of({}, what="again", causes={}), 2),
        (of({"region": "north"}, causes={Cause.BOX_OFFLINE: 10}, **OUTAGE), 1),
        (of({"region": "north"}, causes={Cause.BOX_OFFLINE: 10}), 2),
        (of({**NORTH, "firmware": "2.4.1"}, causes={Cause.BOX_OFFLINE: 10}), 1),
    ],
    ids=[
        "the same",
        "lost cars",
        "cause",
        "mode",
        "a slow hop",
        "pressed again",
        "around it",
        "around it, as on any day",
        "a part of it",
    ],
)
def test_what_is_seen_after_an_incident_is_it_or_is_something_else(
    changes: dict[str, Any], incidents: int
) -> None:
    """Nothing was seen for minutes; only what is of its cohort and cause is seen again."""
    told = Told()
    told.take(1, **of(NORTH), **OUTAGE)
    told.take(1, **of(NORTH), **OUTAGE, is_over=True)
    told.wait(UNSEEN_S + 180.0)
    assert told.last.unseen_since is not None
    told.take(2, **changes)
    told.wait(60.0)
    assert len(told.each) == incidents
    assert (told.each[0].unseen_since is None) is (incidents == 1)


@pytest.mark.parametrize(("diagnosed", "incidents"), [(3.0, 1), (1.0, 2)], ids=["sure", "unsure"])
def test_a_mode_of_cars_anywhere_that_comes_back_is_one_incident(
    diagnosed: float, incidents: int
) -> None:
    """Few cars at a time, other ones each time, and a quarter of an hour between them."""
    told = Told()
    busy = {"causes": {Cause.BOX_BUSY: 3}, "modes": {"box_busy_duplicate": diagnosed}}
    told.take(1, **of({}, 3, 60), **busy, diagnosed=3)
    told.take(1, **of({}, 3, 60), **busy, diagnosed=3, is_over=True)
    told.wait(800.0)
    others = {**of({}, 3, 60), "cars": frozenset({"a", "b", "c"})}
    told.take(2, **others, **busy, diagnosed=3)
    assert len(told.each) == incidents


@pytest.mark.parametrize(("slow", "incidents"), [(80, 2), (20, 1)], ids=["everybody's", "theirs"])
def test_a_hop_that_is_slow_for_everybody_is_no_outage_of_some(slow: int, incidents: int) -> None:
    """Whoever is hit by the outage was slow as well, as everybody was."""
    told = Told()
    cars = names("car", slow)
    told.take(1, kind=IncidentKind.LATENCY, what="slow_published", causes={}, cohort={},
              failed=slow, total=100, cars=cars)  # fmt: skip
    told.wait(60.0)
    told.take(2, **{**of(NORTH, 16, 18), "cars": names("car", 16)}, **OUTAGE)
    assert len(told.each) == incidents


def test_what_is_seen_again_is_said() -> None:
    """With its numbers."""
    told = Told()
    told.take(1, **of(NORTH), **OUTAGE)
    told.take(1, **of(NORTH), **OUTAGE, is_over=True)
    told.wait(UNSEEN_S + 180.0)
    told.take(2, **of(NORTH, 4, 9))
    assert told.last.changes[-1].sentence == (
        "seen again: boxes offline, 4 of 9 hit (44 %), 2.0 % expected; elsewhere 0 of 60"
    )


def test_what_follows_at_once_is_still_part_of_it() -> None:
    """Customers press again just after the network is back."""
    told = Told()
    told.take(1, **of(NORTH), **OUTAGE)
    told.take(1, **of(NORTH), **OUTAGE, is_over=True)
    told.wait(30.0)
    told.take(2, **of(NORTH, 4, 9, what="again", causes={}))
    told.wait(60.0)
    assert len(told.each) == 1


def test_one_mode_that_flickers_from_cohort_to_cohort_is_one_incident() -> None:
    """The first finding is over in a moment, and the second is the same fault in the south."""
    told = Told()
    told.take(1, **of({}, 7, 60), **RELOCKED)
    told.take(1, **of({}, 7, 60), **RELOCKED, is_over=True)
    told.wait(100.0)
    told.take(2, **of(SOUTH), **RELOCKED)
    told.wait(60.0)
    assert len(told.each) == 1


def test_customers_who_press_again_after_a_moment_are_the_same_incident() -> None:
    """Nothing has a cause or a mode yet; half of all customers are hit each time."""
    told = Told()
    again: dict[str, Any] = {"what": "again", "causes": {}}
    told.take(1, **of({}, 10, 20), **again)
    told.take(1, **of({}, 10, 20), **again, is_over=True)
    told.wait(100.0)
    told.take(2, **{**of({}, 7, 14), "cars": names("other", 7)}, **again)
    told.wait(60.0)
    assert len(told.each) == 1


def test_a_joined_incident_says_with_which_it_is_one() -> None:
    """It ends, and that is no recovery."""
    told = Told()
    told.take(1, **of(NORTH), **OUTAGE)
    told.take(2, **of(SOUTH))
    assert [one.joined_to for one in told.each] == [None, None]
    told.wait(40.0)
    told.take(2, **of(SOUTH), **OUTAGE)
    told.wait(10.0)
    first, second = told.each
    assert second.joined_to == first.incident_id
    assert first.joined_to is None
    assert first.title.startswith("operator-a, south, and operator-b, north: ")


def test_lost_cars_of_another_cohort_go_to_the_incident_of_theirs() -> None:
    """All that fails proves to be of the south; what fails in the north joins its lost cars."""
    told = Told()
    told.take(1, **of({}, 10, 40))
    told.take(2, **of(NORTH, 60, 60), kind=IncidentKind.CARS_LOST, what="cars_lost", causes={})
    told.wait(30.0)
    told.take(1, **of(SOUTH, 7, 13), **RELOCKED)
    told.take(3, **of(NORTH, 7, 9))
    told.wait(40.0)
    told.take(3, **of(NORTH, 7, 9))
    south, north = told.each
    assert south.title.startswith("operator-a, south: the car locked itself again")
    assert (south.customers, south.cars) == (7, 7)
    assert north.title.startswith("operator-b, north: boxes offline")
    assert (north.customers, north.cars) == (60, 60)
    (part,) = [each for each in south.changes if each.kind is ChangeKind.SPLIT]
    assert part.sentence.startswith("cars lose their connection (why is not known), 60 of 60 cars")
    assert ": this belongs to another incident: operator-b, north: cars lose" in part.sentence
    assert part.sentence.endswith(f"({north.incident_id})")


def test_a_part_that_proves_to_be_in_a_window_leaves_what_is_told() -> None:
    """What fails everywhere proves to be the south's; the north's lost cars are told of."""
    told = Told(window({"region": "south"}))
    told.take(1, **of({}, 10, 40))
    lost = {"kind": IncidentKind.CARS_LOST, "what": "cars_lost", "causes": {}}
    told.take(2, **of(NORTH, 60, 60), **lost)
    told.take(3, **of(SOUTH, 60, 60), **lost)
    told.wait(30.0)
    told.take(1, **of(SOUTH, 7, 13))
    told.take(4, **of(NORTH, 7, 9))
    told.wait(40.0)
    told.take(4, **of(NORTH, 30, 35))
    south, north = told.incidents.open
    assert (north.maintenance, north.cohort) == (None, NORTH)
    assert (south.maintenance, south.cohort) == ("new antennas", SOUTH)
    assert (north.customers, north.cars) == (60, 60)


def test_what_is_no_longer_seen_when_a_window_ends_is_not_said_to_go_on() -> None:
    """It ends quietly."""
    told = Told(window({"region": "south"}))
    told.take(1, **of(SOUTH))
    told.wait(60.0)
    told.take(1, **of(SOUTH), is_over=True)
    told.wait(UNSEEN_S + 10.0)
    told.wait(200.0)
    assert told.last.maintenance is None
    assert told.last.changes[-1].sentence == (
        "new antennas is over; nothing of this was seen lately"
    )


def test_cars_that_are_away_are_not_all_reconnecting() -> None:
    """Single unlocks are diagnosed so; the title waits until the cars are back."""
    told = Told()
    storm = {"modes": {"reconnect_storm": 9.0}, "diagnosed": 10, "causes": {}}
    lost = {"kind": IncidentKind.CARS_LOST, "what": "cars_lost"}
    told.take(1, **of(NORTH), **lost, **storm)
    told.take(2, **of(NORTH, 3, 9), **storm)
    assert told.last.title.startswith("operator-b, north: cars lose their connection (why is not")
    told.wait(40.0)
    told.take(1, **of(NORTH), **lost, **storm, is_over=True)
    assert told.last.title.startswith("operator-b, north: all cars are reconnecting at once")
