"""Incidents made by hand, and the revisions that follow."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
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
    if fields.get("state") in (IncidentState.RESOLVED, IncidentState.CLOSED):
        fields["ended_at"] = at
    return msgspec.structs.replace(
        before, revision=before.revision + 1, at=at, changes=(*before.changes, change), **fields
    )


def grown(before: Incident, *, after_s: float = 60.0, by: int = 10) -> Incident:
    """Return it with more cars hit."""
    more = {name: getattr(before, name) + by for name in ("failed", "total", "customers")}
    sentence = f"{more['failed']} unlocks failed by now"
    return then(before, ChangeKind.GREW, after_s=after_s, sentence=sentence, **more)


def joined(before: Incident, home: Incident) -> Incident:
    """Return it when it has proved to be one with another."""
    sentence = f"this is part of another incident: {home.title}"
    return then(
        before,
        ChangeKind.JOINED,
        sentence=sentence,
        state=IncidentState.RESOLVED,
        related=(home.incident_id,),
    )


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


def acknowledged(before: Incident, by: str = "jo", *, after_s: float = 1.0) -> Incident:
    """Return it when somebody looks after it."""
    return then(before, ChangeKind.ACKNOWLEDGED, after_s=after_s, by=by, acknowledged_by=by)


worse = partial(then, kind=ChangeKind.WORSE, severity=Severity.CRITICAL)
resolved = partial(then, kind=ChangeKind.RESOLVED, state=IncidentState.RESOLVED)
STEPS: Mapping[str, Callable[..., Incident]] = {
    "acknowledged": acknowledged,
    "closed": partial(
        then, kind=ChangeKind.CLOSED, state=IncidentState.CLOSED, by="jo", reason="a drill"
    ),
    "freed": partial(then, kind=ChangeKind.UNMUTED, maintenance=None),
    "grown": grown,
    "muted": muted,
    "named": partial(
        then,
        kind=ChangeKind.RETITLED,
        sentence="now believed to be: the mobile network is down",
        mode="regional_carrier_outage",
    ),
    "reopened": partial(then, kind=ChangeKind.REOPENED, state=IncidentState.OPEN, ended_at=None),
    "resolved": resolved,
    "seen": partial(then, kind=ChangeKind.SEEN_AGAIN, ended_at=None),
    "unseen": lambda before, **more: then(before, ChangeKind.UNSEEN, ended_at=before.at, **more),
    "worse": worse,
}
"""What can become of an incident."""
