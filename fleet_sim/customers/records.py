"""What customers do and see, a line each: `customers.jsonl` of a run."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class CustomerStep(StrEnum):
    """What a customer does, or is shown."""

    BOOKED = "booked"
    NOT_BOOKED = "not_booked"
    """The app found no car, or could not book one."""
    ARRIVED = "arrived"
    """At the car."""
    PRESSED = "pressed"
    """Unlock; `press` counts from 1."""
    SHOWN = "shown"
    """The app shows how a press ended."""
    PULLED = "pulled"
    """The handle, and the door is locked, whatever the app says."""
    OPENED = "opened"
    """The door."""
    GAVE_UP = "gave_up"
    CALLED_SUPPORT = "called_support"
    DROVE = "drove"
    """The drive is over."""
    PRESSED_LOCK = "pressed_lock"
    SHOWN_LOCK = "shown_lock"
    EXTENDED = "extended"
    """The booking."""
    ENDED = "ended"
    """The booking."""


class CustomerEvent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line. What a step does not have is left out."""

    at_s: float
    """Seconds since the load began."""
    customer_id: str
    step: CustomerStep
    phone_at: float
    """Unix seconds on the phone's own clock."""
    app_version: str
    vehicle_id: str | None = None
    booking_id: str | None = None
    press: int | None = None
    """Which press on the button, from 1."""
    since_press_s: float | None = None
    """Seconds since the first press."""
    trace_id: str | None = None
    """Of the request; the attempt has the same."""
    command_id: str | None = None
    status: int | None = None
    """Of the answer; None: there was none."""
    problem: str | None = None
    """The slug of the answer's problem type."""
    shown: str | None = None
    """What the app showed: see `Shown`, or the sentence of the problem."""


class Shown(StrEnum):
    """What the app shows of its own; of a problem it shows the sentence."""

    OPEN = "open"
    LOCKED = "locked"
    NO_ANSWER = "No connection; please try again."
    KEY_EXPIRED = "The key on your phone has expired; please go online once and try again."
