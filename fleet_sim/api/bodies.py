"""The JSON bodies of the API: what may be sent, and what is answered.

The OpenAPI document is made of these. Unknown fields are ignored, so that an app may be newer than
the platform that it talks to.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from fleet_sim.platform.commands import CommandState
from fleet_wire.contract.messages import Action, Name
from fleet_wire.contract.platform_log import Latitude, Longitude

UnixSeconds = Annotated[
    float, msgspec.Meta(ge=0, le=1e11, description="Seconds since 1970-01-01 UTC.")
]


class NewBooking(msgspec.Struct, frozen=True):
    """Which car, and until when."""

    vehicle_id: Name
    ends_at: UnixSeconds
    starts_at: UnixSeconds | None = None
    """Left out: now."""


class LaterEnd(msgspec.Struct, frozen=True):
    """When a booking that runs is to end."""

    ends_at: UnixSeconds


class UsedBooking(msgspec.Struct, frozen=True):
    """By which booking a car is opened or closed."""

    booking_id: Name
    distance_m: Annotated[float, msgspec.Meta(ge=0)] | None = None
    """How far the phone is from the car, metres."""
    position: tuple[Latitude, Longitude] | None = None
    """Where the phone is, degrees."""


class BookingAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A booking as the platform knows it."""

    booking_id: str
    vehicle_id: str
    starts_at: UnixSeconds
    ends_at: UnixSeconds
    state: Literal["upcoming", "running", "ended"]


class CommandAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """How far a command has come."""

    command_id: str
    vehicle_id: str
    booking_id: str
    action: Action
    state: CommandState
    is_final: bool
    issued_at: UnixSeconds
    expires_at: UnixSeconds
    trace_id: str
    reason: str | None = None
    """What the car or the platform says of its end, where there is something to say."""


class VehicleAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What the platform has heard of a car."""

    vehicle_id: str
    presence: Literal["online", "offline", "asleep", "unknown"]
    is_locked: bool | None
    is_open: bool | None
    voltage_v: float | None
    state_at: float | None


class BodyError(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing that is wrong with a request: in its body, or in a header."""

    detail: str
    pointer: str | None = None
    """JSON Pointer as a URI fragment, RFC 6901, section 6: `#/booking_id`; `#` is the whole."""
    header: str | None = None


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """Problem details, RFC 9457. `type` alone decides; `detail` can be read to the customer."""

    type: str
    title: str
    status: Annotated[int, msgspec.Meta(ge=400, le=599)]
    detail: str
    instance: str
    """The path that was asked for."""
    trace_id: str | None = None
    """Under which the platform's log has it."""
    errors: list[BodyError] | None = None
