"""Incidents as a store has them, and which an unlock is of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from fleet_wire.contract.causes import Cause
from fleet_wire.contract.incident import Incident, IncidentKind, IncidentState
from fleet_wire.modes.catalogue import MODES
from platform_probe.judge.diagnosis.neighbours import DELIVERY, family_of
from platform_probe.tell.messages.incident_text import as_of
from platform_probe.tell.support.believed import Revision
from platform_probe.tell.support.rows import Query, Row, unix_s

_NOT_OF_FAILURES: Final = (IncidentKind.SUSPICIOUS, IncidentKind.MONITOR_BLIND)
"""Kinds of incidents that explain no failures."""
BEFORE_S: Final = 300.0
"""An unlock that began so long before an incident did may be one of it."""
_ALMOST_ALL: Final = 0.9
"""So large a part of those hit in an incident's cohort, at least, would not be without it [E]."""
_COHORTS: Final = """
    SELECT DISTINCT incident_id, cohort FROM incidents
    WHERE cohort IS NOT NULL AND list_contains($ids, incident_id) ORDER BY ALL
"""
"""Whom the revisions of incidents have said that they hit."""

_Cohorts = Mapping[str, Sequence[Mapping[str, str]]]
"""The cohorts of each incident, past and present."""


def incidents_of(
    attempt: Row, known: Iterable[Incident], believed: Revision | None, query: Query
) -> list[Incident]:
    """Return the incidents that an unlock, or a call about one, is of.

    Those that name it, and of its time those of its cohort that fail alike. One incident may have
    hit several cohorts, and is named after one of them. Unlocks of its earlier cohorts belong to it
    if they are diagnosed with its mode.
    """
    near = [one for one in known if _names(one, attempt) or _is_then(one, attempt)]
    ids = [one.incident_id for one in near]
    cohorts = _cohorts_of(query(_COHORTS, {"ids": ids})) if ids else {}
    return [
        one
        for one in near
        if _names(one, attempt) or _belongs_to_incident(one, attempt, believed, cohorts)
    ]


def as_unlock(complaint: Row) -> Row:
    """Return a call about an unlock that nobody saw as that unlock."""
    return {
        **complaint,
        "attempt_id": complaint["complaint_id"],
        "started_at": complaint["called_at"],
        "cause": Cause.NOT_OBSERVED,
    }


def over_since_s(incident: Incident) -> float | None:
    """Return since when an incident is over, Unix seconds; None: that is not known."""
    return incident.ended_at if incident.state is IncidentState.RESOLVED else None


def muted_until_s(incident: Incident, now_s: float) -> float | None:
    """Return until when an open incident's messages wait at a time, both Unix seconds; None: no."""
    return as_of(incident, now_s).muted_until if incident.state is IncidentState.OPEN else None


def _cohorts_of(rows: Iterable[Row]) -> _Cohorts:
    found: dict[str, list[Mapping[str, str]]] = {}
    for row in rows:
        found.setdefault(row["incident_id"], []).append(msgspec.json.decode(row["cohort"]))
    return found


def _names(incident: Incident, attempt: Row) -> bool:
    return attempt["attempt_id"] in incident.examples


def _is_then(incident: Incident, attempt: Row) -> bool:
    began_s, ended_s = unix_s(attempt["started_at"]), incident.ended_at
    return began_s >= incident.since - BEFORE_S and (ended_s is None or began_s <= ended_s)


def _belongs_to_incident(
    incident: Incident, attempt: Row, believed: Revision | None, cohorts: _Cohorts
) -> bool:
    is_now = any(_is_in(cohort, attempt) for cohort in incident.affected_cohorts)
    if _is_believed(incident, attempt, believed):
        once = cohorts.get(incident.incident_id, ())
        return is_now or any(_is_in(cohort, attempt) for cohort in once if cohort)
    is_of_failures = incident.kind not in _NOT_OF_FAILURES and attempt["cause"] is not None
    return is_now and is_of_failures and _fails_alike(incident, attempt, believed)


def _is_in(cohort: Mapping[str, str], attempt: Row) -> bool:
    return all(attempt.get(trait) == value for trait, value in cohort.items())


def _is_believed(incident: Incident, attempt: Row, believed: Revision | None) -> bool:
    """Return whether an unlock may have failed of an incident's mode; one that opened surely."""
    if incident.mode is None or believed is None:
        return False
    if attempt["cause"] is None:
        return believed.is_likely and believed.first.mode == incident.mode
    return believed.may_be(incident.mode)


def _fails_alike(incident: Incident, attempt: Row, believed: Revision | None) -> bool:
    """Return whether an unlock of its cohort has a cause of an incident, and none of its own.

    If an incident hits anybody, its causes have others as well. An unlock surely diagnosed with
    another mode belongs to it only if almost all then fail of it.
    """
    cause = Cause(attempt["cause"])
    has_own = believed is not None and believed.is_likely
    if cause == incident.cause:
        return all(incident.affected_cohorts) or not has_own or _hits_almost_all(incident)
    return all(incident.affected_cohorts) and not has_own and _may_have(incident, cause)


def _hits_almost_all(incident: Incident) -> bool:
    usual = incident.expected * incident.total
    return usual <= (1.0 - _ALMOST_ALL) * incident.failed


def _may_have(incident: Incident, cause: Cause) -> bool:
    """Return whether an incident may have unlocks of another cause than its commonest one."""
    mode = MODES.get(incident.mode or "")
    if mode is not None:
        return cause in mode.causes
    if incident.cause is not None:
        return False
    if incident.kind is IncidentKind.CARS_LOST:
        return family_of(cause) == DELIVERY
    return incident.kind is IncidentKind.FAILURES


def incident_of(row: Row) -> Incident:
    """Return a row of the store as the incident that it was made of."""
    values: dict[str, Any] = {}
    for name in Incident.__struct_fields__:
        value = row["made_at" if name == "at" else name]
        if isinstance(value, datetime):
            value = unix_s(value)
        if name in ("cohort", "cohorts", "changes", "subject") and value is not None:
            value = msgspec.json.decode(value)
        if value is not None:
            values[name] = value
    return msgspec.convert(values, Incident)
