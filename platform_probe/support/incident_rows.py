"""Incidents as a store has them, and which an unlock is of."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

import msgspec

from fleet_wire.contract.causes import Cause
from fleet_wire.contract.incident import Incident, IncidentKind
from platform_probe.support.believed import Revision
from platform_probe.support.rows import Row, unix_s

_OF_ANY_CAUSE: Final = (IncidentKind.FAILURES, IncidentKind.CARS_LOST)
"""Of these an incident without a cause has unlocks of any."""
BEFORE_S: Final = 300.0
"""An unlock that began so long before an incident did may be one of it."""


def incidents_of(
    attempt: Row, known: Iterable[Incident], believed: Revision | None
) -> list[Incident]:
    """Return the incidents that an unlock is of: named in them, or of their cohort and time.

    Of one that opened that is an incident of the mode that it is believed to have had.
    """
    mode = believed.first.mode if believed is not None and believed.is_likely else None
    return [
        one for one in known if attempt["attempt_id"] in one.examples or _is_of(one, attempt, mode)
    ]


def _is_of(incident: Incident, attempt: Row, mode: str | None) -> bool:
    if attempt["cause"] is None:
        is_alike = mode is not None and incident.mode == mode
    elif incident.cause:
        is_alike = bool(incident.cohort) and incident.cause == Cause(attempt["cause"])
    else:
        is_alike = bool(incident.cohort) and incident.kind in _OF_ANY_CAUSE
    if not is_alike:
        return False
    began_s = unix_s(attempt["started_at"])
    ended_s = incident.ended_at
    is_then = began_s >= incident.since - BEFORE_S and (ended_s is None or began_s <= ended_s)
    return is_then and all(attempt.get(trait) == value for trait, value in incident.cohort.items())


def incident_of(row: Row) -> Incident:
    """Return a row of the store as the incident that it was made of."""
    values: dict[str, Any] = {}
    for name in Incident.__struct_fields__:
        value = row["made_at" if name == "at" else name]
        if isinstance(value, datetime):
            value = unix_s(value)
        if name in ("cohort", "changes") and value is not None:
            value = msgspec.json.decode(value)
        if value is not None:
            values[name] = value
    return msgspec.convert(values, Incident)
