"""The steps and sights of customers, one record a line: `customers.jsonl` of a run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import msgspec

from fleet_sim.platform.operations import SupportCall


class CustomerStep(StrEnum):
    """A step of a customer, or a screen."""

    BOOKED = "booked"
    """A car is booked."""
    NOT_BOOKED = "not_booked"
    """The app found no car, or could not book one."""
    ARRIVED = "arrived"
    """The customer is at the car."""
    PRESSED = "pressed"
    """The button to unlock is pressed."""
    SHOWN = "shown"
    """The app shows how a press ended."""
    PULLED = "pulled"
    """The handle is pulled, and the door is locked, whatever the app says."""
    OPENED = "opened"
    """The door is open."""
    GAVE_UP = "gave_up"
    """The customer presses no more."""
    CALLED_SUPPORT = "called_support"
    """The customer calls support."""
    DROVE = "drove"
    """The drive is over."""
    PRESSED_LOCK = "pressed_lock"
    """The button to lock is pressed."""
    SHOWN_LOCK = "shown_lock"
    """The app shows how that ended."""
    EXTENDED = "extended"
    """The booking is extended, or an error says why not."""
    ENDED = "ended"
    """The booking is ended, or an error says why not."""


class CustomerEvent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line. Fields that a step does not have are left out."""

    at_s: float
    """Seconds since the load began."""
    customer_id: str
    """The customer, who has one phone."""
    step: CustomerStep
    """The step."""
    phone_at: float
    """Unix seconds on the phone's own clock."""
    app_version: str
    """The app's."""
    vehicle_id: str | None = None
    """The car that is booked, or was to be."""
    booking_id: str | None = None
    """The booking of that car, once there is one."""
    press: int | None = None
    """Which press on the button, from 1."""
    since_press_s: float | None = None
    """Seconds since the first press."""
    trace_id: str | None = None
    """The trace of the request; the attempt has the same."""
    command_id: str | None = None
    """The command's, where the answer names one."""
    status: int | None = None
    """The HTTP status of the answer; left out where there was none."""
    problem: str | None = None
    """The slug of the answer's problem type."""
    shown: str | None = None
    """The app's screen: `open`, `locked`, that there is no connection, or the sentence of the
    problem."""


class AppScreen(StrEnum):
    """The app's own screens; a problem shows its sentence."""

    OPEN = "open"
    LOCKED = "locked"
    NO_ANSWER = "No connection; please try again."
    KEY_EXPIRED = "The key on your phone has expired; please go online once and try again."


@dataclass(frozen=True, slots=True, kw_only=True)
class Witnesses:
    """Observers of what customers do."""

    record: Callable[[CustomerEvent], None]
    told_open: Callable[[str, str, str | None], None]
    """Takes customer, car and command when a phone says that a car is open."""
    told_locked: Callable[[str, str, str | None], None]
    """The same, when it says that a car is locked."""
    called_support: Callable[[SupportCall], None]
