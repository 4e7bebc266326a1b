"""One incident for one problem, through all that findings and people do."""

from __future__ import annotations

import pytest

from bench.detection.town import EPOCH_S
from fleet_wire.contract.incident import ActionKind, ChangeKind, IncidentAction, IncidentState
from platform_probe.judge.incidents.followed import MOST_CHANGES
from platform_probe.judge.incidents.incidents import MOST_OPEN
from platform_probe.tell.messages.incident_text import lasted, lasted_s
from platform_probe.texts.speaking import lasting
from tests.helpers.english import ENGLISH
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
