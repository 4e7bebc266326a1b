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
    """The monitor itself."""
    CUSTOMER = "customer"
    """Somebody else, whose command the monitor saw."""
    FLOOR = "floor"
    """An unlock of the null box: what the stack itself takes. Kept apart from all others."""


class Stage(StrEnum):
    """How far an unlock got, in this order."""

    INTENDED = "intended"
    """The customer wants to open the car: when the plan says so, or the command was seen."""
    REQUESTED = "requested"
    """The unlock was asked for."""
    API_ANSWERED = "api_answered"
    """The platform's API has answered, where there is one."""
    PUBLISHED = "published"
    """The command was given to the connection with the broker."""
    BROKER_ACCEPTED = "broker_accepted"
    """The broker's PUBACK came."""
    BOX_RECEIVED = "box_received"
    """The box has the command; placed by its own durations, before its answer came."""
    BOX_EXECUTED = "box_executed"
    """The box has moved the lock, or refused to; placed in the same way."""
    RESULT_RECEIVED = "result_received"
    """The box's last answer has come."""
    STATE_CHANGED = "state_changed"
    """The car reports an open lock."""


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
    ANSWER_GUESSED = "answer_guessed"
    """The answer names no command and several of the car were open: it is taken for the first's."""
    OBSERVED_LATE = "observed_late"
    """The monitor stood still meanwhile: how it ended is known, its times are not."""


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One unlock, ended.

    `stages` maps each stage that was reached to seconds since the intended start, on the monitor's
    monotonic clock. `hops_s` maps each stage but the first to the time since the stage before it;
    the hops add up to `total_s`. A timeout has `total_s` equal to the deadline.
    """

    attempt_id: str
    """Its own name, also in answers that come too late."""
    command_id: str
    """The command's, on the wire; the correlation data of MQTT."""
    vehicle_id: str
    """The car."""
    trace_id: str
    """The trace of W3C Trace Context, from the command's `traceparent`."""
    source: Source
    """Who asked."""
    started_at: float
    """Intended start, Unix seconds."""
    scheduled_s: float
    """Intended start, seconds since the load began."""
    outcome: Outcome
    """How it ended; `unknown` may have opened the car."""
    cause: Cause | None
    """Why it did not end well; null where it did."""
    failure_mode: str | None = None
    """A finer name than the cause; not yet concluded."""
    reason: str | None = None
    """What the box, the broker or the platform itself said."""
    total_s: float
    """Seconds from the intended start to the end; of a timeout the deadline."""
    stages: dict[str, float]
    """Seconds from the intended start to each stage that was reached."""
    hops_s: dict[str, float]
    """Seconds from the stage before to each stage, also to the one waited for in vain."""
    flags: tuple[Flag, ...] = ()
    """What was odd."""
    evidence: dict[str, Any] = {}
    """What the cause was concluded from, by name."""
    booking_id: str | None = None
    """The booking that the command named."""
    can_wake_s: float | None = None
    """Seconds that the box took to wake the car's bus, by its own clock."""
    actuation_s: float | None = None
    """Seconds that the lock took, by the box's own clock."""
    region: str | None = None
    """The car's, as its state says."""
    operator: str | None = None
    """Its mobile network's, as its state says."""
    firmware: str | None = None
    """Its box's version, as its state says."""
    hardware: str | None = None
    """Its box's model, as its state says."""

    @property
    def has_times(self) -> bool:
        """Whether its times were measured; how it ended is known in any case."""
        return Flag.OBSERVED_LATE not in self.flags


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
    """In what way it does not belong."""
    vehicle_id: str
    """Who answered."""
    command_id: str
    """What was answered."""
    phase: str
    """What the box said: `received`, `executed` or `refused`."""
    at: float
    """When it came, Unix seconds."""
    attempt_id: str | None = None
    """The attempt that has ended, where one is remembered."""
    after_s: float | None = None
    """Seconds since the intended start of its attempt."""
    source: Source | None = None
    """Who had asked; None where nobody is known to have."""
    is_late_unlock: bool = False
    """The car opened after its customer was told no: a late `executed`, seen from start to end."""


Record = Attempt | StrayAnswer
