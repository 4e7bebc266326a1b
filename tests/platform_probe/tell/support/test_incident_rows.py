"""Which incidents an unlock is of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from fleet_wire.contract.causes import Cause
from fleet_wire.contract.diagnosis import RankedMode
from fleet_wire.contract.incident import IncidentKind, IncidentState
from platform_probe.tell.support.believed import Revision
from platform_probe.tell.support.incident_rows import as_unlock, incidents_of
from platform_probe.tell.support.rows import Row, utc
from tests.helpers.consoles import incident_of
from tests.helpers.stores import BEGIN_S

OUTAGE, GARAGE = "regional_carrier_outage", "no_coverage_garage"
COAST = {"region": "coast"}
SINCE_S = BEGIN_S + 600.0
MANY: dict[str, Any] = {"failed": 40, "total": 80, "expected": 0.01}
FEW: dict[str, Any] = {"failed": 4, "total": 80, "expected": 0.02}


def unlock(**changes: Any) -> Row:
    """Return an unlock of the coast that failed amid the incident."""
    made = {
        "attempt_id": "attempt-300", "started_at": utc(SINCE_S + 60.0), "cause": "box_offline",
        "region": "coast", "operator": "operator-a",
    }  # fmt: skip
    return {**made, **changes}


def believed(mode: str, probability: float) -> Revision:
    """Return a diagnosis of which this mode is the likeliest."""
    return Revision(
        at_s=SINCE_S, after_s=20.0, modes=(RankedMode(mode, probability),), facts=(),
        told=frozenset(),
    )  # fmt: skip


def is_of(
    attempt: Row,
    belief: Revision | None = None,
    *,
    once: Sequence[dict[str, str]] = (),
    **incident: Any,
) -> bool:
    """Return whether an unlock is of an incident, which has hit other cohorts once."""
    made = {"since": SINCE_S, "opened_at": SINCE_S + 30.0, "examples": (), "mode": OUTAGE}
    one = incident_of(**{**made, **incident})

    def query(_: str, values: Any) -> list[Row]:
        assert values == {"ids": [one.incident_id]}
        return [
            {"incident_id": one.incident_id, "cohort": msgspec.json.encode(cohort)}
            for cohort in once
        ]

    return bool(incidents_of(attempt, [one], belief, query))


@pytest.mark.parametrize(
    ("changes", "is_told"),
    [
        ({}, True),
        ({"region": "hills"}, False),
        ({"cause": "execution_silent"}, True),  # the mode may have it
        ({"cause": "vehicle_failed"}, False),
        ({"cause": None}, False),
        ({"started_at": utc(SINCE_S - 60.0)}, True),  # before it is counted, and long before told
        ({"started_at": utc(SINCE_S - 400.0)}, False),
    ],
)
def test_what_fails_alike_in_its_cohort_and_time(changes: dict[str, Any], *, is_told: bool) -> None:
    """Also of another cause than most, and before anybody was told."""
    assert is_of(unlock(**changes), cohort=COAST) is is_told


def test_what_fails_in_one_of_its_cohorts() -> None:
    """They have nothing in common, and all the same it does not hit anybody."""
    both: dict[str, Any] = {"cohort": {}, "cohorts": (COAST, {"region": "hills"})}
    assert is_of(unlock(region="hills"), **both)
    assert not is_of(unlock(region="valley"), **both)


def test_not_what_failed_after_its_end() -> None:
    """That is another problem."""
    ended: dict[str, Any] = {"state": IncidentState.RESOLVED, "ended_at": SINCE_S + 30.0}
    assert not is_of(unlock(), cohort=COAST, **ended)


@pytest.mark.parametrize(
    ("belief", "counts", "is_told"),
    [
        (None, FEW, True),
        (believed(OUTAGE, 0.4), FEW, True),
        (believed(GARAGE, 0.5), FEW, True),  # not sure
        (believed(GARAGE, 0.9), FEW, False),
        (believed(GARAGE, 0.9), MANY, True),  # 39 of these 40 would have opened
    ],
)
def test_an_incident_that_hits_anybody(
    belief: Revision | None, counts: dict[str, Any], *, is_told: bool
) -> None:
    """It has no cohort, and all the same it is not only of the few that it names."""
    assert is_of(unlock(), belief, cohort={}, **counts) is is_told


def test_of_anybody_another_cause_counts_where_it_is_diagnosed() -> None:
    """Others fail of it for other reasons, everywhere."""
    silent = unlock(cause="execution_silent")
    assert not is_of(silent, cohort={}, **MANY)
    assert is_of(silent, believed(OUTAGE, 0.4), cohort={}, **MANY)


@pytest.mark.parametrize(("belief", "is_told"), [(believed(OUTAGE, 0.4), True), (None, False)])
def test_a_cohort_that_it_was_named_after_once(belief: Revision | None, *, is_told: bool) -> None:
    """It may have hit several, and has one in its title: the diagnosis says who else is of it."""
    assert is_of(unlock(), belief, cohort={"firmware": "1.8.0"}, once=[COAST]) is is_told
    assert not is_of(unlock(), belief, cohort={"firmware": "1.8.0"}, once=[{}])


@pytest.mark.parametrize(
    ("cause", "is_told"), [("box_silent", True), ("vehicle_state", False), ("api_refused", False)]
)
def test_lost_cars_cannot_be_reached(cause: str, *, is_told: bool) -> None:
    """Before one of their unlocks is diagnosed; a car with a key in it is not lost."""
    its: dict[str, Any] = {"kind": IncidentKind.CARS_LOST, "cause": None, "mode": None}
    assert is_of(unlock(cause=cause), cohort=COAST, **its) is is_told


def test_a_call_about_an_unlock_that_nobody_saw() -> None:
    """It is of the incident that it names, or that was found of calls like it."""
    call = {"complaint_id": "call-1", "called_at": utc(SINCE_S + 60.0), "region": "coast"}
    assert is_of(as_unlock(call), cohort={}, examples=("call-1",), cause=Cause.API_REFUSED)
    assert is_of(as_unlock(call), cohort=COAST, cause=Cause.NOT_OBSERVED, mode="phone_side")
    assert not is_of(as_unlock(call), cohort=COAST)


@pytest.mark.parametrize("kind", [IncidentKind.SUSPICIOUS, IncidentKind.MONITOR_BLIND])
def test_what_fails_meanwhile_is_not_of_what_is_no_failure(kind: IncidentKind) -> None:
    """But for those that it names."""
    assert not is_of(unlock(), cohort=COAST, kind=kind)
    assert is_of(unlock(), cohort=COAST, kind=kind, examples=("attempt-300",))
