"""Why an unlock did not end well: the first missing stage, then the strongest evidence."""

from __future__ import annotations

from typing import Any, Final

from fleet_wire.contract.attempt import Stage
from fleet_wire.contract.causes import Cause
from fleet_wire.contract.messages import Phase, Reason
from fleet_wire.contract.problems import is_yes
from fleet_wire.profiles.profile import WireTraits
from platform_probe.cars.state import BoxPresence, CarState
from platform_probe.measure.attempts.evidence import NOTHING_KNOWN
from platform_probe.measure.attempts.open_attempt import OpenAttempt

CAUSE_OF_REASON: Final = {
    Reason.EXPIRED: Cause.BOX_SAYS_EXPIRED,
    Reason.REPLAYED: Cause.BOX_REJECTED,
    Reason.BAD_SIGNATURE: Cause.BOX_REJECTED,
    Reason.TTL_TOO_LONG: Cause.BOX_REJECTED,
    Reason.MALFORMED: Cause.BOX_REJECTED,
    Reason.BUSY: Cause.BOX_BUSY,
    Reason.CAN_BUS_NO_ACK: Cause.VEHICLE_FAILED,
    Reason.ACTUATOR_INHIBITED: Cause.VEHICLE_FAILED,
    Reason.LOW_VOLTAGE: Cause.VEHICLE_FAILED,
    Reason.WRONG_VEHICLE_STATE: Cause.VEHICLE_STATE,
    Reason.WRONG_PIN: Cause.BOX_REJECTED,
    Reason.PIN_LOCKED: Cause.BOX_REJECTED,
    Reason.NO_RESERVATION: Cause.BOX_REJECTED,
    Reason.FAILED: Cause.VEHICLE_FAILED,
}
"""The cause that a refusal by the box means."""

_CAUSE_AFTER: Final = (
    (Stage.RESULT_RECEIVED, Cause.DOOR_UNCONFIRMED),
    (Stage.STATE_CHANGED, Cause.RESULT_LOST),
    (Stage.BOX_RECEIVED, Cause.EXECUTION_SILENT),
    (Stage.BROKER_ACCEPTED, None),
    (Stage.PUBLISHED, Cause.BROKER_UNREACHABLE),
)
"""The cause that follows from the furthest sign; None: what is known of the box decides."""

CROSSING_S: Final = 2.0
"""The box may have sent a sign of life this soon after the command before it got the command.

This is longer than the slowest way there and back over idle LTE (0.315 s + U(0, 1.28 s)).
"""

WORK_S: Final = 4.0
"""The time in which a healthy box finishes after `received`.

The CAN bus wakes in 1 s or is given up after 3.2 s (OVMS vehicle_renaultzoe_ph2). The lock takes
0.5 s (Kia ETACS manual).
"""


def cause_of_refusal(reason: Reason | None) -> Cause:
    """Return what it means that the box refuses, with or without a reason."""
    return Cause.UNCLASSIFIED if reason is None else CAUSE_OF_REASON[reason]


def cause_of_timeout(
    attempt: OpenAttempt, vehicle: CarState, *, is_watching: bool, wire: WireTraits
) -> Cause:
    """Return why no answer came before the deadline.

    With `is_watching` the probe itself gets every command, so the broker's word that somebody
    subscribes says nothing about the car: see `_cause_of_no_delivery`. A missing message proves
    nothing if the fleet does not send such messages, see `wire`. Nor does it if the message may be
    among those that could not be read.
    """
    if attempt.unobserved is not None:
        return Cause.NOT_OBSERVED
    is_anothers = attempt.wrong_vehicle_id is not None and not attempt.has_box_answered
    if is_anothers or attempt.is_unread:
        return Cause.UNCLASSIFIED
    for stage, cause in _CAUSE_AFTER:
        if stage in attempt.reached_s:
            if stage is Stage.BOX_RECEIVED and _woke_too_late(attempt):
                return Cause.BOX_ASLEEP
            if cause is not None:
                return cause
            return _cause_of_no_delivery(attempt, vehicle, is_watching=is_watching, wire=wire)
    return _cause_before_broker(attempt, is_watching=is_watching)


def _cause_before_broker(attempt: OpenAttempt, *, is_watching: bool) -> Cause:
    """Return why no command was sent, as far as we have seen."""
    if not attempt.start.through_api:
        return Cause.NOT_PUBLISHED
    if Stage.API_ANSWERED not in attempt.reached_s:
        return Cause.API_FAILED
    if not is_watching:
        return Cause.NOT_OBSERVED
    status = attempt.asked.status if attempt.asked else None
    return Cause.NOT_PUBLISHED if is_yes(status) else Cause.API_FAILED


def _cause_of_no_delivery(
    attempt: OpenAttempt, vehicle: CarState, *, is_watching: bool, wire: WireTraits
) -> Cause:
    """Return why the box did not confirm a command that the broker took.

    A box that ever subscribed has announced itself, and the broker retains that. So a car without
    any presence has a box that the broker does not know. The exception is a broker that reports a
    subscriber other than us. MQTT 5's No Local keeps our copies away from us, but mosquitto counts
    us all the same.

    A heartbeat after the command beats a presence that says offline: the will of an old session
    can be published after the box came back. A box that came back after the command was away.

    A reporting box may have the command if boxes do not confirm that they have it. Silence says
    nothing of a connection if the broker retains no presence.
    """
    if BoxPresence.ASLEEP in (vehicle.presence, attempt.presence_at_start):
        return Cause.BOX_ASLEEP
    came_back = _in_attempt(attempt, vehicle.presence_changed_s)
    if vehicle.presence is BoxPresence.ONLINE and came_back:
        return Cause.BOX_OFFLINE
    if _after_command(attempt, vehicle.heartbeat_s):
        return _cause_of_reporting_on(wire)
    if vehicle.presence is BoxPresence.OFFLINE:
        return Cause.BOX_OFFLINE
    if _after_command(attempt, vehicle.heard_s):
        return _cause_of_reporting_on(wire)
    return _cause_of_silence(vehicle, is_watching=is_watching, wire=wire)


def _cause_of_silence(vehicle: CarState, *, is_watching: bool, wire: WireTraits) -> Cause:
    if vehicle.presence is None and not wire.retains_presence:
        return Cause.UNCLASSIFIED
    if vehicle.presence is None and vehicle.heard_s is None:
        return Cause.NO_SUBSCRIBER if is_watching else Cause.BOX_OFFLINE
    return Cause.BOX_SILENT


def _cause_of_reporting_on(wire: WireTraits) -> Cause:
    """Return what it means that a box reports and does not confirm the command."""
    return Cause.DOWNLINK_LOST if Phase.RECEIVED in wire.phases else Cause.UNCLASSIFIED


def _woke_too_late(attempt: OpenAttempt) -> bool:
    """Return whether a box that was asleep got the command with too little time left for it."""
    left_s = attempt.deadline_s - attempt.reached_s[Stage.BOX_RECEIVED]
    return attempt.presence_at_start is BoxPresence.ASLEEP and left_s < WORK_S


def _after_command(attempt: OpenAttempt, at_s: float | None) -> bool:
    published_s = attempt.reached_s.get(Stage.PUBLISHED, attempt.start.intended_s)
    return at_s is not None and at_s > published_s + CROSSING_S


def _in_attempt(attempt: OpenAttempt, at_s: float | None) -> bool:
    return at_s is not None and at_s > attempt.start.intended_s


def evidence_of(
    attempt: OpenAttempt,
    vehicle: CarState,
    now_s: float,
    *,
    broker_said: dict[str, int] | None = None,
) -> dict[str, Any]:
    """Return what the cause was concluded from; what is not known is left out.

    `broker_said` is what the broker's log has of the car, by kind.
    """
    facts: dict[str, Any] = {
        "furthest_stage": attempt.furthest().value,
        "puback": attempt.puback,
        "answered_by": attempt.wrong_vehicle_id,
        "provisional_status": attempt.provisional_status,
        "never_heard_of": True if vehicle is NOTHING_KNOWN else None,
        "presence": vehicle.presence,
        "presence_at_start": attempt.presence_at_start,
        "presence_changed_ago_s": _ago_s(vehicle.presence_changed_s, now_s),
        "offline_reason": vehicle.offline_reason,
        "heard_ago_s": _ago_s(vehicle.heard_s, now_s),
        "heartbeat_ago_s": _ago_s(vehicle.heartbeat_s, now_s),
        "heard_after_command": _after_command(attempt, vehicle.heard_s),
        "is_locked": vehicle.is_locked,
        "voltage_v": vehicle.voltage_v,
        "broker_said": broker_said or None,
        "unread": attempt.unread,
        "tries_left": None if attempt.result is None else attempt.result.tries_left,
    }
    return {name: value for name, value in facts.items() if value is not None}


def _ago_s(at_s: float | None, now_s: float) -> float | None:
    return None if at_s is None else round(now_s - at_s, 3)
