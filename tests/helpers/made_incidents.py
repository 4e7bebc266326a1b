"""Incidents made by hand, and the revisions that follow."""

from __future__ import annotations

from typing import Any

import msgspec

from fleet_wire.contract.causes import Cause
from fleet_wire.contract.incident import (
    Change,
    ChangeKind,
    Incident,
    IncidentKind,
    IncidentState,
    Severity,
)
from fleet_wire.contract.text import Text
from tests.helpers.fake_clock import EPOCH_S

SUBJECT = Text(key="whom.as_is", values={"text": "Operator B, north: boxes offline"})
TITLE = "Operator B, north: boxes offline since 22:12, 31 customers"


def made_incident(incident_id: str = "inc-1", *, at: float = EPOCH_S, **fields: Any) -> Incident:
    """Return an incident that was just found; one with a title is of an older monitor."""
    values: dict[str, Any] = {
        "kind": IncidentKind.FAILURES,
        "severity": Severity.WARNING,
        "state": IncidentState.OPEN,
        "title": TITLE,
        "subject": None if "title" in fields else SUBJECT,
        "since": at - 60,
        "opened_at": at,
        "cause": Cause.BOX_OFFLINE,
        "mode": "regional_carrier_outage",
        "mode_probability": 0.93,
        "cohort": {"operator": "operator-b", "region": "north"},
        "failed": 31,
        "total": 44,
        "elsewhere_failed": 12,
        "elsewhere_total": 900,
        "expected": 0.02,
        "sure": 0.99999,
        "customers": 31,
        "cars": 29,
        "examples": ("attempt-1",),
        **fields,
    }
    opened = Change(at=at, kind=ChangeKind.OPENED, sentence="31 of 44 unlocks failed")
    values.setdefault("changes", (opened,))
    return Incident(incident_id=incident_id, revision=1, at=at, **values)


def then(
    before: Incident,
    kind: ChangeKind,
    *,
    after_s: float = 60.0,
    sentence: str = "",
    by: str | None = None,
    reason: str | None = None,
    **fields: Any,
) -> Incident:
    """Return the next revision, made `after_s` seconds after the one before."""
    at = before.at + after_s
    said = sentence or f"it was {kind.value}"
    change = Change(at=at, kind=kind, sentence=said, by=by, reason=reason)
    changes = (*before.changes, change)
    return msgspec.structs.replace(
        before, revision=before.revision + 1, at=at, changes=changes, **fields
    )


def grown(before: Incident, *, after_s: float = 60.0, by: int = 10) -> Incident:
    """Return it with more cars hit."""
    return then(
        before,
        ChangeKind.GREW,
        after_s=after_s,
        sentence=f"{before.failed + by} unlocks failed by now",
        failed=before.failed + by,
        total=before.total + by,
        customers=before.customers + by,
    )


def worse(before: Incident, *, after_s: float = 60.0) -> Incident:
    """Return it when its severity has risen to critical."""
    return then(before, ChangeKind.WORSE, after_s=after_s, severity=Severity.CRITICAL)


def resolved(before: Incident, *, after_s: float = 60.0) -> Incident:
    """Return it when it is over."""
    return then(
        before,
        ChangeKind.RESOLVED,
        after_s=after_s,
        state=IncidentState.RESOLVED,
        ended_at=before.at + after_s,
    )


def joined(before: Incident, home: Incident, *, after_s: float = 60.0) -> Incident:
    """Return it when it has proved to be one with another."""
    return then(
        before,
        ChangeKind.JOINED,
        after_s=after_s,
        sentence=f"this is part of another incident: {home.title}",
        state=IncidentState.RESOLVED,
        ended_at=before.at + after_s,
        related=(home.incident_id,),
    )


def unnamed(**fields: Any) -> Incident:
    """Return an incident of lost cars of which nobody knows yet why."""
    return made_incident(kind=IncidentKind.CARS_LOST, cause=None, mode=None, **fields)


def named(before: Incident, *, after_s: float = 60.0) -> Incident:
    """Return it when its cause is known."""
    return then(
        before,
        ChangeKind.RETITLED,
        after_s=after_s,
        sentence="now believed to be: the mobile network is down",
        mode="regional_carrier_outage",
    )


def reopened(before: Incident, *, after_s: float = 60.0) -> Incident:
    """Return it when it has come back."""
    return then(
        before, ChangeKind.REOPENED, after_s=after_s, state=IncidentState.OPEN, ended_at=None
    )


def acknowledged(before: Incident, by: str = "jo", *, after_s: float = 1.0) -> Incident:
    """Return it when somebody looks after it."""
    return then(before, ChangeKind.ACKNOWLEDGED, after_s=after_s, by=by, acknowledged_by=by)


def muted(before: Incident, *, for_s: float = 3_600.0, after_s: float = 1.0) -> Incident:
    """Return it when somebody has muted it."""
    until = before.at + after_s + for_s
    return then(
        before,
        ChangeKind.MUTED,
        after_s=after_s,
        by="jo",
        reason="fixed tonight",
        muted_until=until,
    )


def closed(before: Incident, *, after_s: float = 60.0) -> Incident:
    """Return it when a person said that it is none."""
    return then(
        before,
        ChangeKind.CLOSED,
        after_s=after_s,
        by="jo",
        reason="a drill",
        state=IncidentState.CLOSED,
        ended_at=before.at + after_s,
    )
