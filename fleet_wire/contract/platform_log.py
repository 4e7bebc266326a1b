"""A platform's structured log of an unlock: one JSON object a line.

The emulated platform writes these lines, and the monitor reads them from a file, from OTLP logs or
in process. Times are Unix seconds on the platform's own clock, which is another than the monitor's
and may be wrong. Lines may come late, out of order, twice, or not at all. Unknown fields are
ignored; a missing or mistyped one is an error.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated

import msgspec

from fleet_wire.contract.messages import Name, Text
from fleet_wire.errors import RemoteProtocolError

MAX_LINE_BYTES = 16_384
"""No line of this form comes near; a longer one is refused unread."""
Latitude = Annotated[float, msgspec.Meta(ge=-90, le=90)]
Longitude = Annotated[float, msgspec.Meta(ge=-180, le=180)]
UnixSeconds = Annotated[float, msgspec.Meta(ge=0, le=1e11)]


class PlatformStep(StrEnum):
    """A step of the platform's work on a request, in the order of time."""

    REQUESTED = "requested"
    """A phone's request has come to the API."""
    ANSWERED = "answered"
    """The API has answered it. A client that waits for the result is answered last."""
    HUNG_UP = "hung_up"
    """The client hung up before its answer; its request goes on."""
    UNHEARD = "unheard"
    """The API has its answer after `HUNG_UP`, when nobody waits any more. The status says how the
    request ended."""
    WOKEN = "woken"
    """A sleeping car was asked to wake."""
    PUBLISHED = "published"
    """The command was given to the connection with the broker."""
    ACCEPTED = "accepted"
    """The broker's PUBACK has come."""
    ENDED = "ended"
    """The platform knows how the command ended, or gave up."""
    SUPPORT_CALLED = "support_called"
    """A customer has called support: a ticket of the helpdesk, whose id stands for the request's.
    It may be all that the platform ever hears of an unlock."""


CLIENT_GONE_STATUS = 499
"""So nginx logs a client that has gone before it was answered (`ngx_http_request.h`); nobody was
told anything. An answer with this status is `HUNG_UP`."""


class PlatformEvent(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """One line. `request_id` is one request's; a retry by the phone is another one."""

    event: PlatformStep
    at: UnixSeconds
    request_id: Name
    operation: Name
    """`unlock`, `lock`, and what else the API offers; of a call `support_call`."""
    trace_id: Annotated[str, msgspec.Meta(min_length=32, max_length=32)] | None = None
    """Lower-case hexadecimal digits, see `check_form`."""
    vehicle_id: Name | None = None
    booking_id: Name | None = None
    account_id: Name | None = None
    command_id: Name | None = None
    """None until there is a command."""
    key_digest: Name | None = None
    """A digest of customer and idempotency key, if the request has one. Requests that have it and
    the car in common are one unlock."""
    endpoint: Name | None = None
    """The route's template, as OpenTelemetry's `http.route`."""
    method: Annotated[str, msgspec.Meta(max_length=32)] | None = None
    """The request's, as OpenTelemetry's `http.request.method`; letters A to Z."""
    status: Annotated[int, msgspec.Meta(ge=100, le=599)] | None = None
    """The HTTP status of an answer, also of an unheard one, as OpenTelemetry's
    `http.response.status_code`."""
    problem: Name | None = None
    """The slug of the answer's problem type; see `fleet_wire.contract.problems`."""
    outcome: Name | None = None
    """Of `ended`: `executed`, `refused`, `expired`, `not_published`."""
    reason: Text | None = None
    """The reason in the words of the box, the broker or an exception. A reason of `not_published`
    may begin with a keyword and a colon: `asleep`, `booking_ended`, `denied`, `no_connection`,
    `no_subscriber`, then a colon."""
    shown: Text | None = None
    """The app's screen in the customer's words, for `support_called`."""
    distance_m: Annotated[float, msgspec.Meta(ge=0)] | None = None
    """How far the phone was from the car as the platform knows it, metres."""
    position: tuple[Latitude, Longitude] | None = None
    """The phone's position in degrees."""
    app_version: Name | None = None
    api_release: Name | None = None


_DECODER = msgspec.json.Decoder(PlatformEvent)
_ENCODER = msgspec.json.Encoder()
encode_event = _ENCODER.encode
"""Return the JSON bytes of an event, without the end of the line."""


def encode_events(events: Iterable[PlatformEvent]) -> bytes:
    """Return the lines of several events: one by one takes twice as long.

    The encoder gets a list: msgspec 0.22 leaks any other iterator and what it holds.
    """
    return _ENCODER.encode_lines([*events])


def decode_event(line: bytes) -> PlatformEvent:
    """Return the event of a line. Raises `RemoteProtocolError` for anything else."""
    (event,) = decode_events((line,))
    if isinstance(event, RemoteProtocolError):
        raise event
    return event


def decode_events(lines: Iterable[bytes]) -> list[PlatformEvent | RemoteProtocolError]:
    """Return the event of each line, or why it is none.

    All in one loop: with calls for each line it took half as long again.
    """
    found: list[PlatformEvent | RemoteProtocolError] = []
    decode = _DECODER.decode
    seen_trace_id: str | None = None
    seen_method: str | None = None
    for line in lines:
        try:
            if len(line) > MAX_LINE_BYTES:
                raise _too_long(line)
            event = decode(line)
            trace_id, method = event.trace_id, event.method
            if trace_id != seen_trace_id or method not in (None, seen_method):
                check_form(event)  # seldom: lines come in company
                seen_trace_id, seen_method = trace_id, method or seen_method
            found.append(event)
        except RemoteProtocolError as error:
            found.append(error)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            found.append(RemoteProtocolError(f"platform log: {error}"))
    return found


def _too_long(line: bytes) -> RemoteProtocolError:
    return RemoteProtocolError(f"line of {len(line)} bytes, at most {MAX_LINE_BYTES} allowed")


def check_form(event: PlatformEvent) -> None:
    """Raise `RemoteProtocolError` where trace or method have a wrong form.

    Patterns in msgspec would double the time to decode a line.
    """
    trace_id, method = event.trace_id, event.method
    if trace_id is not None and not _is_hexadecimal(trace_id):
        raise RemoteProtocolError("platform log: trace_id is not 32 lower-case hexadecimal digits")
    if method is not None and not (method.isascii() and method.isalpha() and method.isupper()):
        raise RemoteProtocolError("platform log: method is not 1 to 32 of A-Z")


def _is_hexadecimal(text: str) -> bool:
    try:
        return bytes.fromhex(text).hex() == text
    except ValueError:
        return False
