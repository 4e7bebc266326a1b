"""The problem types of the platform's API, one for each cause (RFC 9457).

A client decides by `type` alone. `detail` is a sentence that a support agent can read aloud: it
names nothing that the customer does not know. Errors without a type of their own are
`INTERNAL_ERROR`, the generic class: the metrics count them as unexplained answers. Many operations
answer with the same type, so each sentence must be true for all of them. A customer who locks or
extends has not asked to open.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

CONTENT_TYPE: Final = "application/problem+json"
BASE: Final = "/problems/"
"""Types are relative references: the API itself serves a page at each."""


ACCEPTED_STATUS: Final = 202
"""The request is taken, and how it ends is not known yet (RFC 9110, section 15.3.3)."""
FIRST_REDIRECT_STATUS: Final = 300
"""RFC 9110, section 15: up to here what was asked for was done, or taken on."""
FIRST_ERROR_STATUS: Final = 400
"""RFC 9110, section 15: from here on what was asked for was not done."""
FIRST_SERVER_ERROR_STATUS: Final = 500
"""The first status that blames the answering side (the same section)."""


class ProblemType(NamedTuple):
    """One cause of an answer that is not what was asked for."""

    slug: str
    status: int
    """The HTTP status (RFC 9110, section 15)."""
    title: str
    sentence: str
    """For the customer, as `detail` has it."""

    @property
    def uri(self) -> str:
        """The `type` of RFC 9457, section 3.1.1."""
        return BASE + self.slug

    def body(self, **more: Any) -> dict[str, Any]:
        """Return the members of the problem details; `more` are its extension members."""
        return {
            "type": self.uri,
            "title": self.title,
            "status": self.status,
            "detail": self.sentence,
            **more,
        }


INVALID_REQUEST: Final = ProblemType(
    "invalid-request", 400, "Invalid request",
    "The app sent something that we do not understand; please update the app and try again.",
)  # fmt: skip
UNAUTHENTICATED: Final = ProblemType(
    "unauthenticated", 401, "No valid token",
    "You are signed out; please sign in again, and try once more.",
)  # fmt: skip
BOOKING_OF_ANOTHER: Final = ProblemType(
    "booking-of-another", 403, "Booking of another customer",
    "This booking belongs to another customer, so you cannot use it.",
)  # fmt: skip
VEHICLE_NOT_BOOKED: Final = ProblemType(
    "vehicle-not-booked", 403, "No booking for this vehicle",
    "Your booking is for another car; please check the number plate.",
)  # fmt: skip
VEHICLE_TOO_FAR: Final = ProblemType(
    "vehicle-too-far", 403, "Too far from the vehicle",
    "You seem to be far from the car; please go to it, and try again when you stand beside it.",
)  # fmt: skip
VEHICLE_UNKNOWN: Final = ProblemType(
    "vehicle-unknown", 404, "Unknown vehicle",
    "We do not know this car; please check the number plate.",
)  # fmt: skip
BOOKING_UNKNOWN: Final = ProblemType(
    "booking-unknown", 404, "Unknown booking", "We cannot find your booking."
)
COMMAND_UNKNOWN: Final = ProblemType(
    "command-unknown", 404, "Unknown command", "We cannot find this request of yours any more."
)
ROUTE_UNKNOWN: Final = ProblemType(
    "route-unknown", 404, "No such resource",
    "The app asked for something that does not exist; please update the app.",
)  # fmt: skip
METHOD_NOT_ALLOWED: Final = ProblemType(
    "method-not-allowed", 405, "Method not allowed",
    "The app asked in a way that is not offered; please update the app.",
)  # fmt: skip
BOOKING_NOT_STARTED: Final = ProblemType(
    "booking-not-started", 409, "Booking has not started",
    "Your booking has not started yet; the car opens for you when it does.",
)  # fmt: skip
BOOKING_ENDED: Final = ProblemType(
    "booking-ended", 409, "Booking has ended",
    "Your booking has ended; if you still need the car, please book it again.",
)  # fmt: skip
VEHICLE_TAKEN: Final = ProblemType(
    "vehicle-taken", 409, "Vehicle is booked at that time",
    "The car is booked by somebody else at that time.",
)  # fmt: skip
VEHICLE_BUSY: Final = ProblemType(
    "vehicle-busy", 409, "Vehicle is busy",
    "An earlier request to this car is still under way; please wait a moment and try again.",
)  # fmt: skip
BODY_TOO_LARGE: Final = ProblemType(
    "body-too-large", 413, "Body too large",
    "The app sent too much at once; please update the app and try again.",
)  # fmt: skip
UNSUPPORTED_MEDIA_TYPE: Final = ProblemType(
    "unsupported-media-type", 415, "Body cannot be read as JSON",
    "The app sent something in a form that we do not read; please update the app.",
)  # fmt: skip
KEY_REUSED: Final = ProblemType(
    "idempotency-key-reused", 422, "Idempotency key was used for something else",
    "The app repeated a request in a wrong way; please press the button once more.",
)  # fmt: skip
BOOKING_TIMES: Final = ProblemType(
    "booking-times", 422, "Booking at impossible times",
    "The car cannot be booked for these times; please check when the booking starts and ends.",
)  # fmt: skip
TOO_MANY_REQUESTS: Final = ProblemType(
    "too-many-requests", 429, "Too many requests",
    "That was too often in a short time; please wait a moment and try again.",
)  # fmt: skip
INTERNAL_ERROR: Final = ProblemType(
    "internal-error", 500, "Internal error", "Something went wrong on our side; please try again."
)
VEHICLE_REFUSED: Final = ProblemType(
    "vehicle-refused", 502, "The vehicle refused",
    "The car has refused your request; please try again, and call us if it refuses once more.",
)  # fmt: skip
BROKER_UNAVAILABLE: Final = ProblemType(
    "broker-unavailable", 503, "No connection with the vehicles",
    "We cannot reach our cars at the moment; we know of it and work on it.",
)  # fmt: skip
OVERLOADED: Final = ProblemType(
    "overloaded", 503, "Too much to do", "Too many people open cars right now; please try again."
)
MAINTENANCE: Final = ProblemType(
    "maintenance", 503, "Maintenance", "We are working on our system and are back in a moment."
)
VEHICLE_UNREACHABLE: Final = ProblemType(
    "vehicle-unreachable", 504, "The vehicle cannot be reached",
    "We cannot reach the car at the moment, so it stays as it is; please try again.",
)  # fmt: skip
VEHICLE_SILENT: Final = ProblemType(
    "vehicle-silent", 504, "The vehicle has not answered",
    "The car has not answered in time. It may have done it all the same: please try the door.",
)  # fmt: skip

PROBLEMS: Final = {
    problem.slug: problem
    for problem in list(globals().values())
    if isinstance(problem, ProblemType)
}
"""All of them, by slug."""
VEHICLE_TAKEN_BY_SELF: Final = VEHICLE_TAKEN._replace(
    sentence="You have booked the car for that time already."
)
VEHICLE_WITHOUT_BOOKING: Final = VEHICLE_NOT_BOOKED._replace(
    sentence="You have not booked this car; please check the number plate."
)
"""The same types, to whom their usual sentence would not be true: RFC 9457, section 3.1.4, lets it
differ from one occurrence to another."""
UNREAD: Final = (
    INVALID_REQUEST._replace(
        status=414, sentence="The app sent an address that is too long; please update the app."
    ),
    INVALID_REQUEST._replace(
        status=431, sentence="The app sent more about itself than we read; please update the app."
    ),
)
"""What is said of a URL and of headers that are too long (RFC 9110, section 15.5.15; RFC 6585)."""
GENERIC: Final = frozenset({INTERNAL_ERROR.slug})
"""Those that explain nothing."""


def is_error(status: int | None) -> bool:
    """Return whether an answer's status says that what was asked for was not done.

    One without a status says nothing of it.
    """
    return status is not None and status >= FIRST_ERROR_STATUS


def is_refusal(status: int | None) -> bool:
    """Return whether an answer's status says that what was asked for was turned down."""
    return status is not None and FIRST_ERROR_STATUS <= status < FIRST_SERVER_ERROR_STATUS


def is_yes(status: int | None) -> bool:
    """Return whether an answer's status says that what was asked for was done, or taken on.

    A redirect is neither: it names another server.
    """
    return status is not None and status < FIRST_REDIRECT_STATUS


def is_generic(status: int, problem: str | None) -> bool:
    """Return whether an answer explains nothing: so does one of 500 or more without any type.

    `problem` is the slug of its type.
    """
    is_mute = problem is None and status >= FIRST_SERVER_ERROR_STATUS
    return is_mute or problem in GENERIC
