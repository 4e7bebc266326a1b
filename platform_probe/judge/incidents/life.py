"""The life of an incident as a table: in which phase which event leads where, and how that is told.

What is not in the table changes nothing: a closed incident stays closed while it goes on.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final, NamedTuple

from fleet_wire.contract.incident import ChangeKind, Incident, IncidentState


class Phase(StrEnum):
    """A phase in the life of an incident."""

    OPEN = "open"
    """It is seen."""
    QUIET = "quiet"
    """It is open, and nothing was seen of it for two minutes."""
    RESOLVED = "resolved"
    CLOSED = "closed"
    """A person closed it."""


class Event(StrEnum):
    """An event in the life of an incident."""

    SEEN = "seen"
    """A finding of it goes on."""
    UNSEEN = "unseen"
    """Nothing was seen of it for two minutes."""
    HELD = "held"
    """Nothing was seen of it for so long that it is over."""
    CLOSE = "close"
    """A person closes it."""


class Step(NamedTuple):
    """A change of phase."""

    phase: Phase
    told_as: ChangeKind


LIFE: Final = {
    (Phase.OPEN, Event.UNSEEN): Step(Phase.QUIET, ChangeKind.UNSEEN),
    (Phase.OPEN, Event.HELD): Step(Phase.RESOLVED, ChangeKind.RESOLVED),
    (Phase.OPEN, Event.CLOSE): Step(Phase.CLOSED, ChangeKind.CLOSED),
    (Phase.QUIET, Event.SEEN): Step(Phase.OPEN, ChangeKind.SEEN_AGAIN),
    (Phase.QUIET, Event.HELD): Step(Phase.RESOLVED, ChangeKind.RESOLVED),
    (Phase.QUIET, Event.CLOSE): Step(Phase.CLOSED, ChangeKind.CLOSED),
    (Phase.RESOLVED, Event.SEEN): Step(Phase.OPEN, ChangeKind.REOPENED),
}
STATE: Final = {
    Phase.OPEN: IncidentState.OPEN,
    Phase.QUIET: IncidentState.OPEN,
    Phase.RESOLVED: IncidentState.RESOLVED,
    Phase.CLOSED: IncidentState.CLOSED,
}
"""The state that a record has in each phase; `ended_at` tells the first two apart."""


def phase_of(incident: Incident) -> Phase:
    """Return the phase of an incident."""
    return Phase.QUIET if incident.unseen_since is not None else Phase(incident.state.value)
