"""One incident for one problem, through all that findings and people do."""

from __future__ import annotations

from typing import Any, Final

import pytest

from bench.detection.town import EPOCH_S
from fleet_wire.contract.causes import Cause
from fleet_wire.contract.incident import (
    ActionKind,
    ChangeKind,
    IncidentAction,
    IncidentKind,
    IncidentState,
    Severity,
)
from platform_probe.judge.detection.blindness import NOT_CONNECTED
from platform_probe.judge.incidents.followed import MOST_CHANGES
from platform_probe.judge.incidents.incident_title import subject_of
from platform_probe.judge.incidents.incidents import MOST_OPEN, QUIET_S, REMEMBERED_S, UNSEEN_S
from platform_probe.judge.incidents.maintenance import MaintenanceWindow
from platform_probe.tell.messages.incident_text import lasted, lasted_s
from platform_probe.texts.speaking import Speaker, lasting
from tests.helpers.findings import finding
from tests.helpers.told_incidents import Told

TRIES_OUT: Final = "attack_bruteforce_vehicle_ids"


def test_a_finding_opens_an_incident_with_its_numbers() -> None:
    """Title, cohort, how many of how many, and how sure."""
    told = Told()
    told.take()
    assert told.last.title == "operator-a: boxes offline since 23:59 on 31 Dec, 10 customers"
    assert told.last.changes[0].sentence == (
        "warning: 10 of 40 hit (25 %), 2.0 % expected; elsewhere 0 of 60; "
        "expected by chance once in 50 months"
    )
    assert (told.last.revision, told.last.failed, told.last.total) == (1, 10, 40)


@pytest.mark.parametrize(
    ("sure", "often"),
    [(0.5, "1 month"), (0.99, "50 months"), (0.999999, "more than 1000 months")],
)
def test_an_incident_says_how_often_chance_shows_as_much(sure: float, often: str) -> None:
    """Nobody knows what to do with 57.4 %, which is no probability."""
    told = Told()
    told.take(sure=sure)
    (opening,) = told.last.changes
    assert opening.sentence.endswith(f"; expected by chance once in {often}")


def test_the_same_problem_in_another_measure_is_the_same_incident() -> None:
    """Cars that are lost, unlocks that fail, and doors that open late."""
    told = Told()
    told.take(1, kind=IncidentKind.CARS_LOST, what="cars_lost", causes={})
    told.take(2)
    told.take(3, kind=IncidentKind.LATENCY, what="slow_box_received", cohort={})
    told.wait(60.0)
    told.take(2)
    assert len({one.incident_id for one in told.revisions}) == 1
    assert told.last.title.startswith("operator-a: boxes offline")
    assert ChangeKind.RETITLED in told.kinds


def test_few_that_are_diagnosed_as_something_else_do_not_name_it() -> None:
    """Four of the hundred cars that an outage took failed at another stage."""
    told = Told()
    told.take(1, failed=4, modes={"sim_suspended_datacap": 3.0}, diagnosed=4)
    assert told.last.mode == "sim_suspended_datacap"
    outage = {"modes": {"regional_carrier_outage": 90.0}, "diagnosed": 100, "causes": {}}
    told.take(2, kind=IncidentKind.CARS_LOST, what="cars_lost", failed=100, **outage)
    assert len({one.incident_id for one in told.revisions}) == 1
    assert told.last.mode == "regional_carrier_outage"


def test_customers_who_press_again_do_not_name_it_after_lost_cars() -> None:
    """Lost cars are diagnosed with each press, failures with the first: both are of one mode."""
    told = Told()
    outage = {"regional_carrier_outage": 9.0}
    told.take(1, failed=10, total=10, modes=outage, diagnosed=10)
    lost = {"kind": IncidentKind.CARS_LOST, "what": "cars_lost", "failed": 40, "causes": {}}
    told.take(2, modes={"regional_carrier_outage": 30.0}, diagnosed=30, **lost)
    told.wait(60.0)
    told.take(
        1, failed=16, total=16, modes=outage, diagnosed=16, customers=frozenset(map(str, range(16)))
    )
    assert told.last.kind is IncidentKind.FAILURES
    assert (told.last.failed, told.last.cause) == (16, Cause.BOX_OFFLINE)


def test_what_follows_of_pressing_again_does_not_name_it() -> None:
    """Ten cars locked themselves again; six of their locks, opened too often, then froze."""
    told = Told()
    relocked = {"modes": {"auto_relock": 9.8}, "diagnosed": 10, "causes": {}}
    told.take(1, what="odd", **relocked)
    frozen = {"modes": {"actuator_inhibit_or_frozen": 5.4}, "diagnosed": 6}
    told.take(2, failed=6, total=60, **frozen)
    told.wait(60.0)
    told.take(2, failed=6, total=60, is_over=True, **frozen)
    assert told.last.mode == "auto_relock"


def test_the_cause_is_told_as_soon_as_it_is_known() -> None:
    """Cars are lost, and an unlock of one of them says why five seconds later."""
    told = Told()
    lost = {"kind": IncidentKind.CARS_LOST, "what": "cars_lost", "causes": {}}
    told.take(1, **lost)
    assert told.last.title.startswith("operator-a: cars lose their connection (why is not known)")
    told.wait(5.0)
    told.take(1, **lost, modes={"regional_carrier_outage": 3.0}, diagnosed=3)
    assert told.last.title.startswith("operator-a: the mobile network is down in the region")
    assert told.kinds == [ChangeKind.OPENED, ChangeKind.RETITLED]


@pytest.mark.parametrize("mode", ["late_delivery_persistent_session", "queue_full_drop"])
def test_what_becomes_of_commands_is_no_reason_why_cars_are_lost(mode: str) -> None:
    """Of unlocks that fail it may be what is wrong."""
    said = {"modes": {mode: 3.0}, "diagnosed": 3}
    lost, failing = Told(), Told()
    lost.take(1, kind=IncidentKind.CARS_LOST, what="cars_lost", causes={}, **said)
    failing.take(1, **said)
    assert (lost.last.mode, failing.last.mode) == (None, mode)


def test_that_it_began_earlier_is_said() -> None:
    """A title does not name another minute without a word."""
    told = Told()
    told.take(1)
    told.wait(40.0)
    began = told.last.since - 120.0
    told.take(2, kind=IncidentKind.LATENCY, what="slow_box_received", since=began)
    told.take(1, customers=frozenset(f"customer-{each}" for each in range(20)))
    assert told.last.changes[-1].sentence.endswith(
        "; it began at 23:57 on 31 Dec, not at 23:59 on 31 Dec"
    )
    assert "since 23:57" in told.last.title
    assert told.last.since == began


@pytest.mark.parametrize(
    ("mode", "title"),
    [
        ("app_gateway_outage", "The broker cannot be reached"),
        ("broker_auth_backend_down", "The broker cannot check passwords"),
    ],
)
def test_a_mode_that_cannot_have_what_was_seen_names_nothing(mode: str, title: str) -> None:
    """The platform did not reach the broker: of the sixty modes few fit, and any is the likeliest.

    None is a broker that is gone.
    """
    told = Told()
    causes = {Cause.BROKER_UNREACHABLE: 6}
    told.take(1, cohort={}, causes=causes, modes={mode: 6.0}, diagnosed=10)
    assert told.last.title.startswith(title)


@pytest.mark.parametrize("is_blind_first", [True, False])
def test_a_broker_that_is_away_is_one_problem_beside_another(*, is_blind_first: bool) -> None:
    """An operator's cars are lost; then nobody reaches the broker, and neither does the monitor."""
    told = Told()
    lost = {"kind": IncidentKind.CARS_LOST, "what": "cars_lost", "causes": {}}
    told.take(1, **lost, modes={"regional_carrier_outage": 9.0}, diagnosed=10)
    told.wait(60.0)
    others = frozenset(f"car-{number}" for number in range(8, 18))
    away = {"cohort": {}, "causes": {Cause.BROKER_UNREACHABLE: 6}, "cars": others}
    blind = {"kind": IncidentKind.MONITOR_BLIND, "what": NOT_CONNECTED, "failed": 0, "total": 0}
    of_nobody: dict[str, Any] = {
        "cohort": {},
        "causes": {},
        "cars": frozenset(),
        "customers": frozenset(),
    }
    if is_blind_first:
        told.take(3, **blind, **of_nobody)
    told.take(2, **away)
    told.wait(40.0)
    told.take(3, **blind, **of_nobody)
    told.take(2, **away)
    operator, broker = {one.incident_id: one for one in told.revisions}.values()
    assert operator.title.startswith("operator-a: the mobile network is down in the region")
    assert broker.title.startswith("The broker cannot be reached")


def test_another_cohort_is_another_incident() -> None:
    """What one test finds among what the first problem does not explain is a second one."""
    told = Told()
    told.take(1)
    told.take(2, cohort={"firmware": "2.5.0"}, cars=frozenset({"car-90"}))
    assert len({one.incident_id for one in told.revisions}) == 2


def test_one_cohort_by_two_names_is_one_incident() -> None:
    """All cars of the coast are operator b's, and are lost after four unlocks have failed there."""
    told = Told()
    both = {"region": "coast", "operator": "operator-b"}
    told.take(1, cohort={"region": "coast"}, common=both, cars=frozenset({"car-90"}))
    lost = {"kind": IncidentKind.CARS_LOST, "what": "cars_lost", "causes": {}}
    told.take(2, **lost, cohort={"operator": "operator-b"})
    assert len({one.incident_id for one in told.revisions}) == 1


def test_one_mode_that_begins_in_two_cohorts_is_one_incident() -> None:
    """The lock freezes in the valley and in the hills."""
    told = Told()
    frozen = {"modes": {"actuator_inhibit_or_frozen": 9.0}, "diagnosed": 10}
    told.take(1, cohort={"region": "valley"}, **frozen)
    told.take(2, cohort={"region": "hills"}, **frozen)
    told.wait(40.0)
    told.take(1, cohort={"region": "valley"}, failed=40, total=60, **frozen)
    assert len({one.incident_id for one in told.revisions}) == 1
    assert not told.last.cohort


STUCK: Final = {
    "what": "failed_stuck_in_progress",
    "since": EPOCH_S + 90.0,
    "modes": {"stuck_in_progress": 4.5},
    "diagnosed": 5,
    "cars": frozenset({"car-90", "car-91", "car-92"}),
}


@pytest.mark.parametrize(
    ("changes", "incidents"),
    [
        ({}, 2),
        ({"since": EPOCH_S - 90.0}, 2),
        ({"cars": frozenset({"car-1", "car-2", "car-90"})}, 1),
        ({"modes": {"stuck_in_progress": 4.5, "slow_wake_client_timeout": 0.4}}, 1),
        ({"modes": {"stuck_in_progress": 2.5}}, 1),
        ({"modes": {"sms_wake_lost": 4.5}}, 2),
        ({"kind": IncidentKind.LATE_UNLOCKS, "what": "late"}, 2),
    ],
    ids=["later", "before", "same cars", "maybe the same", "unsure", "on any day", "late"],
)
def test_a_confident_mode_of_other_cars_is_another_incident(
    changes: dict[str, Any], incidents: int
) -> None:
    """Also in the same cohort; what may be of the open incident is."""
    told = Told()
    told.take(1, modes={"slow_wake_client_timeout": 9.0}, diagnosed=10, causes={})
    told.wait(100.0)
    told.take(2, causes={}, **STUCK | changes)
    told.wait(60.0)
    assert len({one.incident_id for one in told.revisions}) == incidents


def test_growth_is_told_when_it_is_worth_it() -> None:
    """Half as many more, not each customer; a class worse at once."""
    told = Told()
    told.take()
    told.wait(60.0)
    told.take(failed=11, customers=frozenset(f"c{each}" for each in range(11)))
    assert told.kinds == [ChangeKind.OPENED]
    told.take(failed=16, customers=frozenset(f"c{each}" for each in range(16)))
    assert told.kinds == [ChangeKind.OPENED, ChangeKind.GREW]
    told.take(failed=30, total=40)
    assert told.kinds[-1] is ChangeKind.WORSE
    assert told.last.severity is Severity.CRITICAL


LOST: Final[dict[str, Any]] = {
    "kind": IncidentKind.CARS_LOST, "what": "cars_lost", "causes": {},
    "customers": frozenset[str](), "total": 60,
}  # fmt: skip


def test_a_rise_is_told_with_the_title_of_its_revision() -> None:
    """Fifty cars are lost by then, and what fails is known: the next title has it as its before."""
    told = Told()
    told.take(1, **LOST, failed=20, cars=frozenset(f"car-{number}" for number in range(20)))
    told.wait(10.0)
    told.take(2)
    assert told.kinds == [ChangeKind.OPENED]
    told.take(1, **LOST, failed=55, cars=frozenset(f"car-{number}" for number in range(55)))
    rise = told.last.changes[-1]
    subject = told.last.title.partition(" since ")[0]
    assert (rise.kind, subject) == (ChangeKind.WORSE, "operator-a: boxes offline")
    assert rise.sentence.startswith(f"now critical: {subject}, 55 of 60 cars lost (92 %)")
    told.wait(60.0)
    told.take(2, modes={"regional_carrier_outage": 9.0}, diagnosed=10)
    assert told.last.changes[-1].sentence.endswith(f"; before: {subject}")


def test_a_rise_by_a_sign_of_another_kind_says_which() -> None:
    """Doors that open late make it critical, whatever it is named after."""
    told = Told()
    told.take()
    told.wait(60.0)
    told.take(2, kind=IncidentKind.LATE_UNLOCKS, what="late", causes={})
    said = "now critical: operator-a: boxes offline; doors open after their customer was told no"
    assert told.last.changes[-1].sentence.startswith(f"{said}, 10 of 40 hit (25 %)")


def test_customers_are_told_of_though_more_cars_were_lost_before() -> None:
    """Ninety cars are lost first; the customers who then fail are what has grown."""
    told = Told()
    cars = frozenset(f"car-{number}" for number in range(90))
    lost = {"kind": IncidentKind.CARS_LOST, "what": "cars_lost", "cars": cars, "failed": 90}
    told.take(1, **lost, causes={}, customers=frozenset[str]())
    for customers in (7, 11, 23):
        told.wait(60.0)
        names = frozenset(f"customer-{number}" for number in range(customers))
        told.take(2, customers=names, failed=customers, total=customers)
    assert (told.last.customers, told.last.failed, told.last.cars) == (23, 23, 90)
    assert told.kinds[-2:] == [ChangeKind.GREW, ChangeKind.GREW]


def test_the_first_customers_are_told_though_the_cause_was_told_before() -> None:
    """Ninety cars do not hide nine customers, nor does that their cause was named meanwhile."""
    told = Told()
    cars = frozenset(f"car-{number}" for number in range(90))
    lost = {"kind": IncidentKind.CARS_LOST, "what": "cars_lost", "cars": cars, "failed": 90}
    told.take(1, **lost, causes={}, customers=frozenset[str]())
    told.wait(60.0)
    outage = {"modes": {"regional_carrier_outage": 90.0}, "diagnosed": 90}
    told.take(1, **lost, **outage, customers=frozenset[str]())
    told.wait(60.0)
    told.take(1, **lost, **outage, customers=frozenset(f"customer-{n}" for n in range(9)))
    assert told.kinds == [ChangeKind.OPENED, ChangeKind.RETITLED, ChangeKind.GREW]
    assert told.last.title.endswith("9 customers")


def test_what_is_quiet_for_long_enough_is_resolved() -> None:
    """With the moment since when it was quiet; what comes back soon reopens it."""
    told = Told()
    told.take()
    told.take(is_over=True)
    ended_at = told.time.unix_s()
    told.wait(QUIET_S - 10.0)
    assert told.kinds == [ChangeKind.OPENED, ChangeKind.UNSEEN]
    told.wait(20.0)
    assert told.last.state is IncidentState.RESOLVED
    assert told.last.ended_at == ended_at
    told.take(2)
    assert told.kinds[-1] is ChangeKind.REOPENED
    assert told.incidents.open == [told.last]
    assert len({one.incident_id for one in told.revisions}) == 1


@pytest.mark.parametrize("period_s", [60.0, 300.0, 840.0])
def test_twenty_flaps_are_one_alert_and_one_recovery(period_s: float) -> None:
    """Up to a quarter of an hour apart."""
    told = Told()
    for number in range(20):
        told.take(number)
        told.wait(30.0)
        told.take(number, is_over=True)
        told.wait(period_s)
    told.wait(3_700.0)
    seen = (ChangeKind.GREW, ChangeKind.UNSEEN, ChangeKind.SEEN_AGAIN)
    loud = [kind for kind in told.kinds if kind not in seen]
    assert loud == [ChangeKind.OPENED, ChangeKind.RESOLVED]


def test_what_may_be_over_is_told_before_it_is_taken_for_over() -> None:
    """Nothing of it was seen for two minutes; what comes again is seen again, and is no new one."""
    told = Told()
    told.take()
    told.take(is_over=True)
    seen_at = told.time.unix_s()
    told.wait(UNSEEN_S - 10.0)
    assert told.kinds == [ChangeKind.OPENED]
    told.take(failed=11, is_over=True)
    told.wait(20.0)
    assert told.last.failed == 11  # too few more to be told before
    assert (told.last.state, told.last.unseen_since) == (IncidentState.OPEN, seen_at)
    assert told.last.changes[-1].sentence == (
        "last seen at 00:00; it counts as over if nothing is seen until 00:15"
    )
    assert told.act(ActionKind.ACKNOWLEDGE)
    assert told.last.unseen_since == seen_at
    told.wait(60.0)
    told.take(2)
    assert told.last.unseen_since is None
    told.take(2, is_over=True)
    told.wait(UNSEEN_S + 10.0)
    assert told.kinds == [
        ChangeKind.OPENED,
        ChangeKind.UNSEEN,
        ChangeKind.ACKNOWLEDGED,
        ChangeKind.SEEN_AGAIN,
        ChangeKind.UNSEEN,
    ]


def test_a_title_that_is_found_as_a_mute_runs_out_is_told_first() -> None:
    """So soon after it was told of, it has waited: the end of the mute would have it unsaid."""
    told = Told()
    told.take()
    told.wait(60.0)
    told.act(ActionKind.MUTE, until=EPOCH_S + 70.0)
    told.wait(5.0)
    told.take(causes={Cause.BOX_SILENT: 10})
    assert told.kinds == [ChangeKind.OPENED, ChangeKind.MUTED]
    told.wait(6.0)
    assert told.kinds[2:] == [ChangeKind.RETITLED, ChangeKind.UNMUTED]
    assert told.last.title.startswith("operator-a: boxes silent")
    said = "now believed to be: operator-a: boxes silent; before: operator-a: boxes offline"
    assert told.last.changes[-2].sentence == said


def test_people_acknowledge_mute_and_close_with_a_reason() -> None:
    """Each is a revision that says who; what is closed stays closed while it goes on."""
    told = Told()
    told.take()
    assert told.act(ActionKind.ACKNOWLEDGE)
    assert told.last.acknowledged_by == "Ada"
    assert told.act(ActionKind.MUTE, until=EPOCH_S + 600.0, reason="the operator knows")
    assert told.last.muted_until == EPOCH_S + 600.0
    assert told.last.changes[-1].reason == "the operator knows"
    assert told.act(ActionKind.UNMUTE)
    assert told.last.muted_until is None
    assert told.last.changes[-1].sentence == "unmuted by Ada"
    assert told.act(ActionKind.CLOSE, reason="a drill")
    assert told.last.state is IncidentState.CLOSED
    assert not told.act(ActionKind.ACKNOWLEDGE)
    told.take(failed=40)
    told.take(2)
    assert told.kinds[-1] is ChangeKind.CLOSED


def test_the_end_of_a_mute_stands_in_the_history() -> None:
    """Once, when its time is over; one that was taken back has none."""
    told = Told()
    told.take()
    told.act(ActionKind.MUTE, until=told.time.unix_s() + 100.0)
    told.wait(90.0)
    assert told.kinds[-1] is ChangeKind.MUTED
    told.wait(30.0)
    told.wait(30.0)
    assert told.kinds == [ChangeKind.OPENED, ChangeKind.MUTED, ChangeKind.UNMUTED]
    assert told.last.muted_until is None
    assert told.last.changes[-1].sentence == "the mute has ended"


def test_nobody_acts_on_what_does_not_exist() -> None:
    """A forged or a stale button."""
    told = Told()
    action = IncidentAction(incident_id="inc-x", kind=ActionKind.CLOSE, by="Eve", at=EPOCH_S)
    assert not told.incidents.act(action)


def test_a_maintenance_window_covers_what_was_announced() -> None:
    """It is named, and named over when the problem outlasts it."""
    window = MaintenanceWindow(
        name="new antennas", since=EPOCH_S, until=EPOCH_S + 300.0, cohort={"region": "north"}
    )
    told = Told(window)
    told.take(1, cohort={"region": "north", "operator": "operator-a"})
    assert told.last.maintenance == "new antennas"
    told.take(2, cohort={"region": "south"}, cars=frozenset({"car-90"}))
    assert told.last.maintenance is None
    told.wait(400.0)
    assert told.last.maintenance is None
    assert told.last.changes[-1].sentence == "new antennas is over, but this goes on"


def test_an_incident_of_an_earlier_process_goes_on() -> None:
    """With its id, its revisions and who looks after it."""
    before = Told()
    before.take()
    before.act(ActionKind.ACKNOWLEDGE)
    after = Told()
    after.incidents.restore([before.last])
    after.take(1)
    after.wait(60.0)
    after.take(1, failed=30)
    assert {one.incident_id for one in after.revisions} == {before.last.incident_id}
    assert after.last.acknowledged_by == "Ada"
    assert after.last.revision > before.last.revision


def test_an_incident_stays_as_sure_as_it_was() -> None:
    """What is found anew after a restart has less to be sure by."""
    before = Told()
    before.take(sure=0.9995)
    after = Told()
    after.incidents.restore([before.last])
    after.take(1, sure=0.5)
    after.wait(60.0)
    after.take(1, sure=0.5, failed=30, customers=frozenset(map(str, range(30))))
    assert after.last.revision > before.last.revision
    assert after.last.sure == 0.9995


def test_an_incident_of_an_earlier_process_gets_another_title() -> None:
    """What is diagnosed after a restart names it, and the same title is not told again."""
    before = Told()
    before.take()
    after = Told()
    after.incidents.restore([before.last])
    after.take(1)
    after.wait(60.0)
    after.take(1)
    assert after.kinds[1:] == []
    after.take(1, modes={"regional_carrier_outage": 9.0}, diagnosed=10)
    assert after.last.title.startswith("operator-a: the mobile network is down in the region since")
    assert after.kinds[-1] is ChangeKind.RETITLED


def test_what_is_diagnosed_after_the_end_names_it() -> None:
    """Diagnoses change for ten minutes, and a short problem is over by then."""
    told = Told()
    told.take()
    told.wait(60.0)
    told.take(1, is_over=True)
    told.wait(60.0)
    told.take(1, is_over=True, modes={"regional_carrier_outage": 9.0}, diagnosed=10)
    assert told.kinds == [ChangeKind.OPENED, ChangeKind.RETITLED]
    told.wait(QUIET_S)
    assert told.last.state is IncidentState.RESOLVED
    assert told.last.mode == "regional_carrier_outage"
    assert told.last.ended_at == EPOCH_S + 60.0


def test_what_turns_out_to_be_one_is_joined() -> None:
    """The younger one ends, and says in which it goes on."""
    told = Told()
    told.take(1)
    told.take(2, cohort={"region": "north"}, cars=frozenset({"car-90"}))
    told.wait(60.0)
    told.take(2, cohort={"operator": "operator-a"}, failed=20)
    told.wait(60.0)
    first, second = (one.incident_id for one in [*told.incidents.open, told.last])
    assert told.last.related == (first,)
    assert second != first
    assert len(told.incidents.open) == 1


@pytest.mark.parametrize("first", [1, 2])
@pytest.mark.parametrize("mode", [TRIES_OUT, "booking_window_race"])
def test_suspicious_traffic_and_the_unlocks_that_it_is_refused_are_one(
    first: int, mode: str
) -> None:
    """They stay suspicious traffic; refusals of another mode are another problem."""
    told = Told()
    refused = {
        "cohort": {}, "causes": {Cause.API_REFUSED: 10}, "what": "refused",
        "modes": {mode: 9.0}, "diagnosed": 10,
    }  # fmt: skip
    traffic = {
        "kind": IncidentKind.SUSPICIOUS, "what": TRIES_OUT, "cohort": {}, "causes": {},
        "modes": {TRIES_OUT: 1.0}, "diagnosed": 1, "total": 0, "elsewhere_total": 0,
        "customers": frozenset({"one"}),
    }  # fmt: skip
    findings: dict[int, dict[str, Any]] = {1: refused, 2: traffic}
    for number in (first, 3 - first):
        told.take(number, **findings[number])
    opened = told.incidents.open
    assert len(opened) == (1 if mode == TRIES_OUT else 2)
    assert IncidentKind.SUSPICIOUS in {one.kind for one in opened}


def test_refusals_that_turn_out_to_be_suspicious_are_joined() -> None:
    """They were taken for another mode when they were found."""
    told = Told()
    traffic: dict[str, Any] = {
        "kind": IncidentKind.SUSPICIOUS, "what": TRIES_OUT, "cohort": {}, "causes": {},
        "modes": {TRIES_OUT: 1.0}, "diagnosed": 1, "total": 0, "elsewhere_total": 0,
    }  # fmt: skip
    told.take(1, cohort={}, modes={"booking_window_race": 9.0}, diagnosed=10)
    told.take(2, **traffic)
    assert len(told.incidents.open) == 2
    told.wait(40.0)
    told.take(1, cohort={}, modes={TRIES_OUT: 9.0}, diagnosed=10)
    told.wait(10.0)
    (incident,) = told.incidents.open
    assert incident.kind is IncidentKind.SUSPICIOUS


def test_many_findings_at_once_are_few_incidents() -> None:
    """Of as many cohorts."""
    told = Told()
    for number in range(5 * MOST_OPEN):
        told.take(number, cohort={"firmware": f"{number}"}, cars=frozenset({f"car-{number}"}))
    assert len(told.incidents.open) <= MOST_OPEN
    told.wait(10.0)


def test_a_history_is_bounded() -> None:
    """Its beginning and its end are kept."""
    told = Told()
    told.take()
    for _ in range(2 * MOST_CHANGES):
        told.act(ActionKind.ACKNOWLEDGE)
    assert len(told.last.changes) == MOST_CHANGES
    assert told.last.changes[0].kind is ChangeKind.OPENED


def test_titles_fit() -> None:
    """Whatever a firmware is called."""
    told = Told()
    told.take(cohort={"firmware": "x" * 200})
    assert len(told.last.title) <= 150


@pytest.mark.parametrize(
    ("mode", "whom"),
    [("no_coverage_garage", "Site deck"), ("bad_firmware_cohort", "Firmware 5.2.2")],
)
def test_a_cohort_of_several_names_is_called_by_what_its_mode_strikes(mode: str, whom: str) -> None:
    """All cars of a garage have a firmware of their own: no reception has nothing to do with it."""
    found = finding(
        cohort={"firmware": "5.2.2"}, same=({"firmware": "5.2.2"}, {"site": "deck"}),
        modes={mode: 9.0}, diagnosed=10,
    )  # fmt: skip
    assert Speaker("en").say(subject_of([found])).startswith(f"{whom}: ")


def test_what_a_person_closed_does_not_page_again_while_it_goes_on() -> None:
    """It is forgotten an hour after it is over, and not an hour after it was closed."""
    told = Told()
    told.take()
    told.act(ActionKind.CLOSE, reason="a drill")
    for _ in range(180):
        told.wait(60.0)
        told.take(failed=40)
    told.take(2)
    assert told.kinds[-1] is ChangeKind.CLOSED
    told.take(is_over=True)
    told.take(2, is_over=True)
    told.wait(REMEMBERED_S + QUIET_S + 60.0)
    told.wait(10.0)
    told.take(3)
    assert [one.state for one in told.each] == [IncidentState.CLOSED, IncidentState.OPEN]


@pytest.mark.parametrize(
    ("cohort", "begins"),
    [
        ({"region": "r03"}, "r03: "),
        ({"operator": "eSIM-x", "region": "north"}, "eSIM-x, north: "),
        ({"firmware": "v2"}, "Firmware v2: "),
    ],
)
def test_a_title_leaves_names_as_they_are(cohort: dict[str, str], begins: str) -> None:
    """People search for them; only our own words get a capital."""
    told = Told()
    told.take(cohort=cohort)
    assert told.last.title.startswith(begins)


def test_an_open_incident_lasts_longer_and_longer() -> None:
    """Also while nothing is seen of it: it is not known to be over."""
    told = Told()
    told.take()
    seen = [lasted_s(told.last, told.time.unix_s())]
    told.take(is_over=True)
    for _ in range(8):
        told.wait(30.0)
        seen.append(lasted_s(told.last, told.time.unix_s()))
    assert ChangeKind.UNSEEN in told.kinds
    assert told.last.state is IncidentState.OPEN
    assert seen == sorted(seen)
    assert lasted(told.last) == lasting(told.last.at - told.last.since)
