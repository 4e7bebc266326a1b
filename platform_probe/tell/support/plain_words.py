"""Everyday words for the codes of box, broker and platform.

The code itself follows in brackets: an engineer who is asked knows it.
"""

from __future__ import annotations

import re
from typing import Final

from fleet_wire.contract.broker_log import BrokerEventKind
from fleet_wire.contract.messages import PresenceReason, Reason
from fleet_wire.links.link import NO_MATCHING_SUBSCRIBERS

_MQTT: Final = re.compile(r"MQTT reason code (\d+)")
_REASONS: Final[dict[str, str]] = {
    Reason.EXPIRED: "the command was too old by the box's clock",
    Reason.REPLAYED: "the command looks like an old copy",
    Reason.BAD_SIGNATURE: "the command was not signed with this car's key",
    Reason.TTL_TOO_LONG: "the command would count for longer than the box allows",
    Reason.MALFORMED: "the box could not read the command",
    Reason.BUSY: "the box was busy",
    Reason.CAN_BUS_NO_ACK: "the car's own network did not answer",
    Reason.ACTUATOR_INHIBITED: "the locks protect themselves from heat",
    Reason.LOW_VOLTAGE: "the battery is too low to move the locks",
    Reason.WRONG_VEHICLE_STATE: "the car was in a state in which it stays locked",
    Reason.WRONG_PIN: "the command's PIN was wrong",
    Reason.PIN_LOCKED: "remote access is locked after wrong PINs",
    Reason.NO_RESERVATION: "the box knows no booking for this",
    Reason.FAILED: "it failed for a reason that it does not tell",
}
_OFFLINE: Final[dict[str, str]] = {
    PresenceReason.LAST_WILL: "its connection broke",
    PresenceReason.SLEEP: "it went to sleep",
    PresenceReason.SHUTDOWN: "it switched itself off",
}
_BROKER: Final[dict[str, str]] = {
    BrokerEventKind.CONNECTED: "it connected",
    BrokerEventKind.LEFT: "it closed its connection",
    BrokerEventKind.CLOSED: "its connection broke",
    BrokerEventKind.TAKEN_OVER: "another connection under its name ended the one before",
    BrokerEventKind.TIMED_OUT: "it was silent for too long",
    BrokerEventKind.DROPPED: "messages for it were thrown away",
    BrokerEventKind.DENIED: "it was not let in",
    BrokerEventKind.TLS_ERROR: "a secure connection failed",
    BrokerEventKind.SOCKET_ERROR: "its connection broke",
    BrokerEventKind.PROTOCOL_ERROR: "it sent what the broker does not understand",
}
_SAID: Final = {**_REASONS, **_OFFLINE}


def reason_in_words(reason: str) -> str:
    """Return the reason of a refusal, or why a box went offline, with the word that was said.

    A box may say more behind it: "wrong_vehicle_state: ignition_on".
    """
    code = _MQTT.fullmatch(reason)
    if code is None:
        words = _SAID.get(reason.partition(": ")[0])
    elif int(code[1]) == NO_MATCHING_SUBSCRIBERS:
        words = "no car was listening for the command"
    else:
        words = "the broker refused to take the command"
    return reason if words is None else f"{words} ({reason})"


def broker_in_words(kind: str) -> str:
    """Return what the broker's log says of a client, by its kind."""
    words = _BROKER.get(kind)
    return kind.replace("_", " ") if words is None else f"{words} ({kind.replace('_', ' ')})"
