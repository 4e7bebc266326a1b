"""The JSON bodies of the API: what may be sent, and what is answered.

The OpenAPI document is made of these. Unknown fields are ignored, so that an app may be newer than
the platform that it talks to.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

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
    """The booking with which a customer opens or closes a car."""

    booking_id: Name
    distance_m: Annotated[float, msgspec.Meta(ge=0)] | None = None
    """How far the phone is from the car, metres."""
    position: tuple[Latitude, Longitude] | None = None
    """The phone's position in degrees."""


class BookingAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A booking as the platform knows it."""

    booking_id: str
    vehicle_id: str
    starts_at: UnixSeconds
    ends_at: UnixSeconds
    state: Literal["upcoming", "running", "ended"]


STATES: Final = {
    CommandState.QUEUED: "It waits for its turn, or for a connection with the broker. A car gets"
    " one command after the other.",
    CommandState.WAKING: "The car sleeps. The platform sent an SMS to wake it.",
    CommandState.PUBLISHED: "The platform sent it. The broker has not confirmed it yet.",
    CommandState.ACCEPTED: "The broker has it. The car has said nothing of it.",
    CommandState.RECEIVED: "The car has it, and is at work on it.",
    CommandState.EXECUTED: "Final: the car says that it moved its locks, or its state shows it.",
    CommandState.REFUSED: "Final: the car refused it. `reason` says why.",
    CommandState.EXPIRED: "Final: the car did not say in time how it ended. It may have moved its"
    " locks. An answer that comes late still changes this state to `executed` or `refused`.",
    CommandState.NOT_PUBLISHED: "Final: the car never got it. `reason` says why.",
}
"""The meaning of each state of a command to the client."""


class CommandAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """How far a command has come."""

    command_id: str
    vehicle_id: str
    booking_id: str
    action: Action
    state: Annotated[
        CommandState,
        msgspec.Meta(
            description="\n".join(f"- `{state}`: {text}" for state, text in STATES.items())
        ),
    ]
    is_final: Annotated[
        bool,
        msgspec.Meta(
            description="Whether the command has ended. What asks to unlock or lock is answered"
            " with 200 or a problem then, and with 202 before."
        ),
    ]
    issued_at: UnixSeconds
    expires_at: Annotated[
        UnixSeconds,
        msgspec.Meta(
            description="End of the command's life: the car does nothing after it. The platform"
            " waits some seconds more for the car's answer."
        ),
    ]
    trace_id: str
    reason: str | None = None
    """The reason for its end from the car or the platform, if there is one."""


class VehicleAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The platform's knowledge of a car."""

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
