"""Entries of a car's history: what is kept of a message, an unlock, a word of the broker's. No I/O.

All times are seconds on the monitor's monotonic clock.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import msgspec

from fleet_wire.contract.causes import Cause
from fleet_wire.contract.messages import Phase
from platform_probe.cars.state import Session

UNASKED_S: Final = 10.0
"""The time within which a platform sends a command twice, and hardly anybody asks twice [E]."""


class Change(NamedTuple):
    """A change of presence."""

    at_s: float
    session: Session


class LockMove(msgspec.Struct, frozen=True, gc=False):
    """The lock, as a state reported it, when that was another than before."""

    at_s: float
    is_locked: bool
    command_id: str | None


class PastAttempt(msgspec.Struct, frozen=True, gc=False):
    """An unlock of the car that has ended."""

    began_s: float
    ended_s: float
    cause: Cause | None
    attempt_id: str
    trace_id: str
    booking_id: str | None
    account_id: str | None = None
    is_busy: bool = False
    """The API turned it down: an earlier one was under way."""
    is_unsent: bool = False
    """The API said yes, and no command was sent."""
    missed_s: float | None = None
    """The car had opened, and after so long the platform gave the command up."""
    woken_until_s: float | None = None
    """Until when the car may have been asked to wake for it; None: it was not."""
    sent_s: float | None = None
    """When its command was sent; None: it was not."""
    over_s: float | None = None
    """When the platform knew how it ended, or gave it up; None: nobody knows."""
    answered_s: float | None = None
    """When the API had answered its own request; None: it had not, or there was none."""
    is_told_yes: bool = False
    """That answer was no error."""
    is_asked: bool = False
    """The platform's log shows a request for it."""


def are_of_one_press(one: PastAttempt, other: PastAttempt) -> bool:
    """Return whether two commands have one request behind them, or one that a phone has repeated.

    An app may keep its trace. But who was told yes, and asks then, has pressed once more. A command
    that follows within seconds for the same booking, and of which no request is known, is the
    platform's own.
    """
    first, second = (one, other) if one.began_s <= other.began_s else (other, one)
    if one.trace_id != other.trace_id:
        if first.booking_id != second.booking_id or second.began_s - first.began_s >= UNASKED_S:
            return False  # as of nearly all
        is_answered_once = first.is_told_yes and not second.is_asked
        is_sent_twice = first.sent_s is not None and second.sent_s is not None
        return first.booking_id is not None and is_answered_once and is_sent_twice
    if first.answered_s is None or second.answered_s is None or not first.is_told_yes:
        return True
    return first.answered_s > second.began_s


def is_between(at_s: float, one_s: float, other_s: float) -> bool:
    """Return whether a moment lies between two others."""
    return min(one_s, other_s) < at_s < max(one_s, other_s)


class BrokerWord(NamedTuple):
    """An event of the car's client in the broker's log."""

    at_s: float
    kind: str


class Answer(msgspec.Struct, frozen=True, gc=False):
    """An answer of the box to the command, with the time of its own clock, in Unix seconds."""

    command_id: str
    phase: Phase
    box_s: float | None
    ahead_s: float | None
    """The time by which that was later than its arrival."""
