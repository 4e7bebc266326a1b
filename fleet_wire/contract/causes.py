"""The closed vocabulary of outcomes and causes, for metrics, alerts and people.

A cause is (party, phase, mechanism), after HAProxy's termination state and Envoy's response flags.
It says who is at fault, how far the unlock got, and why it stopped there. A cause fixes the
outcome, so a metric needs one label and cannot contradict itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """How an unlock ended."""

    OK = "ok"
    REFUSED = "refused"
    FAILED = "failed"
    UNKNOWN = "unknown"
    """Nobody knows: the door may have opened. A timeout means this, not `failed`."""


class Party(StrEnum):
    """Whose fault."""

    PLATFORM = "platform"
    BROKER = "broker"
    NETWORK = "network"
    BOX = "box"
    VEHICLE = "vehicle"
    PROBE = "probe"
    NOBODY_KNOWS = "nobody_knows"


class Cause(StrEnum):
    """Why an unlock did not end well.

    The vocabulary has at most 20 causes, because it is a label.
    """

    API_REFUSED = "api_refused"
    API_FAILED = "api_failed"
    NOT_PUBLISHED = "not_published"
    BROKER_UNREACHABLE = "broker_unreachable"
    BROKER_DENIED = "broker_denied"
    NO_SUBSCRIBER = "no_subscriber"
    BOX_OFFLINE = "box_offline"
    BOX_ASLEEP = "box_asleep"
    BOX_SILENT = "box_silent"
    DOWNLINK_LOST = "downlink_lost"
    BOX_SAYS_EXPIRED = "box_says_expired"
    BOX_REJECTED = "box_rejected"
    BOX_BUSY = "box_busy"
    EXECUTION_SILENT = "execution_silent"
    RESULT_LOST = "result_lost"
    VEHICLE_FAILED = "vehicle_failed"
    VEHICLE_STATE = "vehicle_state"
    DOOR_UNCONFIRMED = "door_unconfirmed"
    NOT_OBSERVED = "not_observed"
    UNCLASSIFIED = "unclassified"


@dataclass(frozen=True, slots=True)
class CauseInfo:
    """The meaning of a cause."""

    party: Party
    phase: str
    mechanism: str
    outcome: Outcome
    explanation: str
    """One sentence for support, in words a customer could be told."""


_P, _O = Party, Outcome
CAUSES: dict[Cause, CauseInfo] = {
    Cause.API_REFUSED: CauseInfo(
        _P.PLATFORM, "request", "refused", _O.REFUSED,
        "The platform refused the request, for example because there is no booking.",
    ),
    Cause.API_FAILED: CauseInfo(
        _P.PLATFORM, "request", "error", _O.FAILED,
        "The platform did not answer the request, or answered with an error.",
    ),
    Cause.NOT_PUBLISHED: CauseInfo(
        _P.PLATFORM, "publish", "nothing_sent", _O.FAILED,
        "The platform accepted the request, but no command was sent to the car.",
    ),
    Cause.BROKER_UNREACHABLE: CauseInfo(
        _P.BROKER, "publish", "connection_lost", _O.UNKNOWN,
        "The message broker could not be reached, or the connection to it broke.",
    ),
    Cause.BROKER_DENIED: CauseInfo(
        _P.BROKER, "publish", "refused", _O.FAILED,
        "The message broker refused to take the command.",
    ),
    Cause.NO_SUBSCRIBER: CauseInfo(
        _P.BROKER, "deliver", "no_session", _O.FAILED,
        "The broker knows no box for this car: nobody listens for its commands.",
    ),
    Cause.BOX_OFFLINE: CauseInfo(
        _P.NETWORK, "deliver", "not_connected", _O.UNKNOWN,
        "The car's box has lost its connection.",
    ),
    Cause.BOX_ASLEEP: CauseInfo(
        _P.BOX, "deliver", "asleep", _O.UNKNOWN,
        "The car's box was asleep and did not wake in time.",
    ),
    Cause.BOX_SILENT: CauseInfo(
        _P.NETWORK, "deliver", "silent", _O.UNKNOWN,
        "The box counts as connected, and nothing came from it while its answer was waited for.",
    ),
    Cause.DOWNLINK_LOST: CauseInfo(
        _P.NETWORK, "deliver", "one_way", _O.UNKNOWN,
        "The car still reports, but commands do not reach it.",
    ),
    Cause.BOX_SAYS_EXPIRED: CauseInfo(
        _P.BOX, "accept", "expired", _O.REFUSED,
        "The box got the command and found it too old: it came late, or the box's clock is wrong.",
    ),
    Cause.BOX_REJECTED: CauseInfo(
        _P.BOX, "accept", "not_authentic", _O.REFUSED,
        "The box refused the command: replayed, malformed, wrongly signed, with a wrong PIN, or"
        " living longer than it allows.",
    ),
    Cause.BOX_BUSY: CauseInfo(
        _P.BOX, "accept", "busy", _O.REFUSED,
        "The box was busy, with an earlier command or an update.",
    ),
    Cause.EXECUTION_SILENT: CauseInfo(
        _P.BOX, "execute", "silent", _O.UNKNOWN,
        "The box confirmed that it got the command, then fell silent.",
    ),
    Cause.RESULT_LOST: CauseInfo(
        _P.NETWORK, "answer", "lost", _O.UNKNOWN,
        "The car reports that it opened, but no answer to the command came that could be read.",
    ),
    Cause.VEHICLE_FAILED: CauseInfo(
        _P.VEHICLE, "execute", "error", _O.FAILED,
        "The box tried, but the car's own electronics or locks did not follow.",
    ),
    Cause.VEHICLE_STATE: CauseInfo(
        _P.VEHICLE, "execute", "refused", _O.REFUSED,
        "The car was in a state in which it does not unlock by remote.",
    ),
    Cause.DOOR_UNCONFIRMED: CauseInfo(
        _P.VEHICLE, "confirm", "no_state_change", _O.UNKNOWN,
        "The box said that it unlocked, but the car never reported an open lock.",
    ),
    Cause.NOT_OBSERVED: CauseInfo(
        _P.PROBE, "any", "not_seen", _O.UNKNOWN,
        "The monitor did not see how the unlock ended: it was stopped, not connected, or so busy"
        " that it asked too late.",
    ),
    Cause.UNCLASSIFIED: CauseInfo(
        _P.NOBODY_KNOWS, "any", "unclassified", _O.UNKNOWN,
        "The evidence fits no known cause.",
    ),
}  # fmt: skip


def outcome_of(cause: Cause | None) -> Outcome:
    """Return the outcome that `cause` means; without a cause the unlock went well."""
    return Outcome.OK if cause is None else CAUSES[cause].outcome
