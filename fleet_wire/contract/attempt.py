"""The attempt: the one record of an unlock. Metrics, logs, store, alerts and report read only this.

It stands in the wire package because the monitor writes it and the run report reads it.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec

from fleet_wire.contract.causes import Cause, Outcome


class Source(StrEnum):
    """Who asked for the unlock."""

    PROBE = "probe"
    CUSTOMER = "customer"
    FLOOR = "floor"
    """An unlock of the null box: what the stack itself takes. Kept apart from all others."""


class Stage(StrEnum):
    """How far an unlock got, in this order."""

    INTENDED = "intended"
    REQUESTED = "requested"
    API_ANSWERED = "api_answered"
    PUBLISHED = "published"
    BROKER_ACCEPTED = "broker_accepted"
    BOX_RECEIVED = "box_received"
    BOX_EXECUTED = "box_executed"
    RESULT_RECEIVED = "result_received"
    STATE_CHANGED = "state_changed"


class Flag(StrEnum):
    """What was odd about an attempt, whatever its outcome."""

    DUPLICATE = "duplicate"
    """An answer came more than once."""
    OUT_OF_ORDER = "out_of_order"
    """A later stage was seen before an earlier one."""
    WOKEN = "woken"
    """A wake request was sent first."""
    ANSWERED_BY_ANOTHER = "answered_by_another"
    """Another car answered to the command, or opened by it."""
    OBSERVED_LATE = "observed_late"
    """The monitor stood still meanwhile: how it ended is known, its times are not."""


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One unlock, ended.

    `stages` maps each stage that was reached to seconds since the intended start, on the monitor's
    monotonic clock. `hops_s` maps each stage but the first to the time since the stage before it;
    the hops add up to `total_s`. A timeout has `total_s` equal to the deadline.
    """

    attempt_id: str
    command_id: str
    vehicle_id: str
    trace_id: str
    source: Source
    started_at: float
    """Intended start, Unix seconds."""
    scheduled_s: float
    """Intended start, seconds since the load began."""
    outcome: Outcome
    cause: Cause | None
    failure_mode: str | None = None
    reason: str | None = None
    """What the box, the broker or the platform itself said."""
    total_s: float
    stages: dict[str, float]
    hops_s: dict[str, float]
    flags: tuple[Flag, ...] = ()
    evidence: dict[str, Any] = {}
    """What the cause was concluded from, by name."""
    booking_id: str | None = None
    can_wake_s: float | None = None
    actuation_s: float | None = None
    region: str | None = None
    operator: str | None = None
    firmware: str | None = None
    hardware: str | None = None


class StrayKind(StrEnum):
    """Answers that belong to no open attempt."""

    LATE = "late"
    """The attempt had ended otherwise, and this answer is new: see `StrayAnswer.is_late_unlock`."""
    DUPLICATE = "duplicate"
    """The attempt had ended with this same answer."""
    ORPHAN = "orphan"
    """Nobody is known to have asked."""


class StrayAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """An answer that came outside of its attempt. Written beside the attempts, never into them."""

    kind: StrayKind
    vehicle_id: str
    command_id: str
    phase: str
    at: float
    """Unix seconds."""
    attempt_id: str | None = None
    after_s: float | None = None
    """Seconds since the intended start of its attempt."""
    source: Source | None = None
    """Who had asked; None where nobody is known to have."""
    is_late_unlock: bool = False
    """The car opened after its customer was told no: a late `executed`, seen from start to end."""


Record = Attempt | StrayAnswer
