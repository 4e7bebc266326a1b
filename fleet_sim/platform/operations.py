"""The API without HTTP: the operations of a phone and their answers.

A customer of the same process asks with these structs; the HTTP server makes them of requests, and
responses of the answers. So both ways meet the same platform.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Any, Final, Protocol

import msgspec

from fleet_wire.contract.problems import FIRST_ERROR_STATUS, ProblemType


class Operation(StrEnum):
    """What can be asked."""

    BOOK = "book"
    EXTEND = "extend"
    END = "end"
    UNLOCK = "unlock"
    LOCK = "lock"
    VEHICLE_STATE = "vehicle_state"
    COMMAND_STATUS = "command_status"


ENDPOINTS: Final = {
    Operation.BOOK: "/bookings",
    Operation.EXTEND: "/bookings/{booking_id}",
    Operation.END: "/bookings/{booking_id}/end",
    Operation.UNLOCK: "/vehicles/{vehicle_id}/unlock",
    Operation.LOCK: "/vehicles/{vehicle_id}/lock",
    Operation.VEHICLE_STATE: "/vehicles/{vehicle_id}",
    Operation.COMMAND_STATUS: "/commands/{command_id}",
}
"""The route of each, as its template (OpenTelemetry: `http.route`)."""
METHODS: Final = {
    Operation.BOOK: "POST",
    Operation.EXTEND: "PATCH",
    Operation.END: "POST",
    Operation.UNLOCK: "POST",
    Operation.LOCK: "POST",
    Operation.VEHICLE_STATE: "GET",
    Operation.COMMAND_STATUS: "GET",
}
"""The method of each (OpenTelemetry: `http.request.method`)."""
COMMANDS: Final = frozenset({Operation.UNLOCK, Operation.LOCK})
CHANGES: Final = COMMANDS | {Operation.BOOK, Operation.EXTEND, Operation.END}
"""Operations that accept an idempotency key."""


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One request. Fields that an operation does not need are None."""

    operation: Operation
    token: str | None
    """The customer's bearer token."""
    vehicle_id: str | None = None
    booking_id: str | None = None
    command_id: str | None = None
    starts_at: float | None = None
    """Start of a booking, Unix seconds; None: now."""
    ends_at: float | None = None
    """End of a booking, Unix seconds."""
    wait_s: float = 0.0
    """How long to wait for the car's answer; 0: be told at once where its status is found."""
    idempotency_key: str | None = None
    """The same key again is the same request again (draft-ietf-httpapi-idempotency-key-header)."""
    traceparent: str | None = None
    """W3C Trace Context, as the phone sent it."""
    app_version: str | None = None
    distance_m: float | None = None
    """How far the phone is from the car, as far as the app can tell, metres."""
    position: tuple[float, float] | None = None
    """The phone's position, latitude and longitude in degrees."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """One answer. With a problem, `body` is that of the problem details."""

    status: int
    """The HTTP status."""
    body: dict[str, Any]
    problem: ProblemType | None = None
    retry_after_s: float | None = None
    """When to ask again, where that helps."""
    reason: str | None = None
    """The underlying reason, for the log alone."""
    location: str | None = None
    """Path of what was made, or of the command's status."""

    @property
    def is_ok(self) -> bool:
        """Whether it is what was asked for; another platform's error may have no type of ours."""
        return self.problem is None and self.status < FIRST_ERROR_STATUS


class SupportCall(msgspec.Struct, frozen=True, kw_only=True):
    """A customer calls support, by telephone: what the agent writes down."""

    account_id: str
    vehicle_id: str | None = None
    booking_id: str | None = None
    app_version: str | None = None
    shown: str | None = None
    """The app's screen, in the customer's words; None: nothing."""


class PendingRequest(Protocol):
    """A request under way."""

    def hang_up(self) -> bool:
        """Handle that nobody waits for the answer any more: it is dropped, the command goes on.

        Return whether the log gets a line about it. It does for a request that was received and has
        no answer yet.
        """
        ...


class Platform(Protocol):
    """Answers requests. Everything runs in the thread and the time of the model."""

    def ask(self, request: Request, on_answer: Callable[[Answer], None]) -> PendingRequest:
        """Handle a request; call `on_answer` once, now or later, unless the asker hangs up."""
        ...


class LocalPendingRequest(PendingRequest, Protocol):
    """A request under way on a platform of this process."""

    def answer_now(self, answer: Answer) -> None:
        """Answer who still waits in the platform's place, at once; the command goes on."""
        ...


class PlatformHere(Protocol):
    """A platform of this process, whose API can be served."""

    def ask(self, request: Request, on_answer: Callable[[Answer], None]) -> LocalPendingRequest:
        """Handle a request, like any `Platform`."""
        ...
