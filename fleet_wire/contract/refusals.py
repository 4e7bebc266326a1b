"""Sentences that explain to a customer why a car refused, one for each reason of the box."""

from __future__ import annotations

from typing import Final

from fleet_wire.contract.messages import Reason
from fleet_wire.contract.problems import VEHICLE_REFUSED, ProblemType

_CALL_US: Final = "The car did not accept our request; the mistake is ours, so please call us."
_REFUSED: Final[dict[str, str]] = {
    Reason.EXPIRED: "Your request reached the car too late; please try again.",
    Reason.REPLAYED: "The car has had this request before; please try the door.",
    Reason.BAD_SIGNATURE: _CALL_US,
    Reason.TTL_TOO_LONG: _CALL_US,
    Reason.MALFORMED: _CALL_US,
    Reason.BUSY: "The car is busy with something else; please wait a moment and try again.",
    Reason.CAN_BUS_NO_ACK: "The car's own electronics did not wake up; please try again.",
    Reason.ACTUATOR_INHIBITED: "The locks have moved too often; please wait a minute and try"
    " again.",
    Reason.LOW_VOLTAGE: "The car's battery is too low to move the locks; please call us.",
    Reason.WRONG_VEHICLE_STATE: "The car is in use, not parked properly, or was locked with its"
    " key. The app cannot move its locks now.",
    Reason.WRONG_PIN: "The car did not accept the PIN for remote access; please check the PIN.",
    Reason.PIN_LOCKED: "The PIN for remote access was wrong too often; please call us.",
    Reason.NO_RESERVATION: "The car does not know your booking yet; please wait a minute and try"
    " again.",
    Reason.FAILED: "The car tried, and its locks did not follow; please try again, and call us if"
    " that does not help.",
}


def refused_because(reason: str | None) -> ProblemType:
    """Return `VEHICLE_REFUSED` with the sentence of a box's reason, as RFC 9457 allows.

    A car that gives no reason, or one of its own, has the usual sentence.
    """
    sentence = _REFUSED.get(reason or "", VEHICLE_REFUSED.sentence)
    return VEHICLE_REFUSED._replace(sentence=sentence)
