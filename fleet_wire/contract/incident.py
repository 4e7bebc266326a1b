"""The incident: one problem of the fleet, whatever the number of series that it shows in.

It stands in the wire package because the monitor writes it, and store, messages, console, reports
and scores read it. An incident has revisions: each change makes another one, with the next number,
and the highest holds.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import msgspec

from fleet_wire.contract.causes import Cause
from fleet_wire.contract.text import Text

FALSE_ALARMS_A_MONTH: Final = 2.0
"""The bound on false alarms of all tests together."""
MOST_MONTHS: Final = 1_000.0
"""Nobody needs to know a longer time."""


def chance_months(sure: float) -> float:
    """Return in how many months chance alone would show as much as `Incident.sure` says, once."""
    return min(1.0 / (FALSE_ALARMS_A_MONTH * max(1.0 - sure, 1e-9)), MOST_MONTHS)


class IncidentKind(StrEnum):
    """The kind of an incident."""

    FAILURES = "failures"
    """More unlocks fail than expected."""
    LATENCY = "latency"
    """A hop takes longer than expected."""
    SILENCE = "silence"
    """Unlocks or heartbeats that are expected do not come."""
    CARS_LOST = "cars_lost"
    """More cars than expected lost their connection (last wills)."""
    LATE_UNLOCKS = "late_unlocks"
    """Doors open after the customer was told that they do not."""
    GENERIC_ERRORS = "generic_errors"
    """The API answers with errors that explain nothing."""
    MONITOR_BLIND = "monitor_blind"
    """The monitor itself does not hear, see or write what it should."""
    SUSPICIOUS = "suspicious"
    """Traffic that no honest customer makes."""


class Severity(StrEnum):
    """How bad it is; ordered from the mildest."""

    NOTICE = "notice"
    """To be looked at within working hours."""
    WARNING = "warning"
    """Customers are hit, most are not."""
    CRITICAL = "critical"
    """Many customers cannot open their car, or cars open to whom they should not."""


class IncidentState(StrEnum):
    """The state of an incident."""

    OPEN = "open"
    """It goes on."""
    RESOLVED = "resolved"
    """It ended by itself: nothing of it was seen for long enough."""
    CLOSED = "closed"
    """A person said that it is none."""


class ChangeKind(StrEnum):
    """A change of an incident."""

    OPENED = "opened"
    """It was found."""
    GREW = "grew"
    """It hits more than before."""
    WORSE = "worse"
    """Its severity rose by a class."""
    RETITLED = "retitled"
    """The cause or the cohort is another one than believed before."""
    JOINED = "joined"
    """Another incident turned out to be this one."""
    SPLIT = "split"
    """A part of it turned out to be another one."""
    ACKNOWLEDGED = "acknowledged"
    """Somebody looks after it."""
    MUTED = "muted"
    """A person or a maintenance window holds back its messages."""
    UNMUTED = "unmuted"
    """They no longer do."""
    CLOSED = "closed"
    """A person said that it is none, or over."""
    UNSEEN = "unseen"
    """Nothing of it was seen for two minutes: it may be over."""
    SEEN_AGAIN = "seen_again"
    """It was seen again, before it was taken for over."""
    RESOLVED = "resolved"
    """Nothing of it was seen for long enough."""
    REOPENED = "reopened"
    """It came back before it was forgotten."""


class Change(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One entry of its history."""

    at: float
    """When, Unix seconds."""
    kind: ChangeKind
    """What happened."""
    sentence: str
    """The change in words for a person, with its numbers."""
    by: str | None = None
    """The person who did it; None: the monitor."""
    reason: str | None = None
    """The reason that the person gave."""
    text: Text | None = None
    """The content of `sentence`, for other languages; None: an older monitor wrote it."""


class Incident(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One problem, as far as it was known at a moment."""

    incident_id: str
    """Its name from opening to end, unique over monitors and restarts."""
    revision: int
    """1, and one more with each change."""
    at: float
    """When this revision was made, Unix seconds of the events that made it."""
    kind: IncidentKind
    """The kind of the incident."""
    severity: Severity
    """How bad it has been."""
    state: IncidentState
    """The current state."""
    title: str
    """Cause and cohort in one line, for a person: at most 150 characters."""
    since: float
    """When it began, as far as the counts say, Unix seconds; before `opened_at`."""
    opened_at: float
    """When it was found, Unix seconds."""
    ended_at: float | None = None
    """When it was seen last, which is known later, or was closed by a person; Unix seconds. Nothing
    was seen of an open incident since then: it may be over."""
    cause: Cause | None = None
    """The commonest cause of its unlocks."""
    mode: str | None = None
    """The failure mode that most of its diagnoses name."""
    mode_probability: float | None = None
    """Which part of the diagnoses of its unlocks name that mode, of 1: how sure the diagnosis of a
    single unlock is stands with that unlock."""
    cohort: dict[str, str] = {}
    """The traits that the affected cars share, value by trait (`operator`, `region`); empty if
    none."""
    cohorts: tuple[dict[str, str], ...] = ()
    """The cohorts that it hits, where these are several that have nobody in common; empty: `cohort`
    is all of it."""
    failed: int = 0
    """Failures in the cohort (or in all `cohorts`) from `since` to this revision. Each customer and
    each car counts once. The unit is slow unlocks for `latency`, and cars for `cars`."""
    total: int = 0
    """All of them since then, counted alike."""
    elsewhere_failed: int = 0
    """Unlocks hit outside of them since then."""
    elsewhere_total: int = 0
    """All outside of them since then."""
    expected: float = 0.0
    """The share of `total` that is expected to be hit, of 1."""
    sure: float = 0.0
    """1 minus the share of the allowed false alarms that would be as good as this one. It is no
    probability that the incident is real: `chance_months` says what it means."""
    customers: int = 0
    """Affected customers, each once, as far as accounts or bookings are known. Customers of joined
    incidents count, and those of unlocks outside `failed`; synthetic unlocks do not."""
    cars: int = 0
    """Cars hit: whose unlocks were, or that lost their connection, whether or not anybody asked for
    them."""
    fleet_cars: int = 0
    """Cars that the monitor has heard of by this revision; 0: an older monitor wrote it."""
    cohort_cars: int = 0
    """Those of them that have the traits of its cohorts: whether they are hit or not."""
    examples: tuple[str, ...] = ()
    """Attempt ids of some that were hit, the latest first: at most ten."""
    acknowledged_by: str | None = None
    """The person who handles the incident."""
    muted_until: float | None = None
    """Messages about it wait until then, Unix seconds."""
    maintenance: str | None = None
    """The name of the maintenance window that covers it: no message is sent."""
    related: tuple[str, ...] = ()
    """Ids of incidents that were joined to this one, or that it was split from."""
    changes: tuple[Change, ...] = ()
    """Its history, the oldest first: at most a hundred, the middle is left out first."""
    subject: Text | None = None
    """The content of its title besides numbers, for other languages; None: an older monitor wrote
    it."""

    @property
    def chance_months(self) -> float | None:
        """In how many months chance alone would show as much, once; None: nobody has counted."""
        return chance_months(self.sure) if self.sure > 0.0 else None

    @property
    def unseen_since(self) -> float | None:
        """When it was seen last, Unix seconds, of one that is open and may be over; None else."""
        return self.ended_at if self.state is IncidentState.OPEN else None

    @property
    def joined_to(self) -> str | None:
        """The id of the incident that it proved to be one with; None: it is one of its own.

        It goes on there, so its end is no recovery.
        """
        last = self.changes[-1].kind if self.changes else None
        is_joined = last is ChangeKind.JOINED and self.state is IncidentState.RESOLVED
        return self.related[-1] if is_joined and self.related else None

    @property
    def affected_cohorts(self) -> tuple[dict[str, str], ...]:
        """All cohorts that it hits."""
        return self.cohorts or (self.cohort,)


class ActionKind(StrEnum):
    """An action of a person on an incident."""

    ACKNOWLEDGE = "acknowledge"
    """Somebody looks after it."""
    MUTE = "mute"
    """Messages about it wait until a time."""
    UNMUTE = "unmute"
    CLOSE = "close"
    """It is none, or it is over: the monitor no longer follows it."""


class IncidentAction(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A person's request: by a button of a message, a command or a call of the monitor's API."""

    incident_id: str
    kind: ActionKind
    by: str
    """The person's name, from Slack or from the command."""
    at: float
    """When it was asked, Unix seconds."""
    reason: str | None = None
    """Why, in the person's words."""
    until: float | None = None
    """The end of a mute, Unix seconds; None for all other kinds."""
