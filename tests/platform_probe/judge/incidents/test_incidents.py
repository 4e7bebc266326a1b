"""One incident for one problem, through all that findings and people do."""

from __future__ import annotations

import pytest

from bench.detection.town import EPOCH_S
from fleet_wire.contract.incident import ActionKind, ChangeKind, IncidentAction, IncidentState
from platform_probe.judge.incidents.followed import MOST_CHANGES
from platform_probe.judge.incidents.incident_title import subject_of
from platform_probe.judge.incidents.incidents import MOST_OPEN, QUIET_S, REMEMBERED_S
from platform_probe.tell.messages.incident_text import lasted, lasted_s
from platform_probe.texts.speaking import Speaker, lasting
from tests.helpers.english import ENGLISH
from tests.helpers.findings import finding
from tests.helpers.told_incidents import Told


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


def test_nobody_acts_on_what_does_not_exist() -> None:
    """A forged or a stale button."""
    told = Told()
    action = IncidentAction(incident_id="inc-x", kind=ActionKind.CLOSE, by="Eve", at=EPOCH_S)
    assert not told.incidents.act(action)


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
    assert lasted(told.last, ENGLISH) == lasting(told.last.at - told.last.since)
