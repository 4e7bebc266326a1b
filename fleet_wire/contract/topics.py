"""The topics, and which message each carries."""

from __future__ import annotations

import re
from enum import StrEnum
from sys import intern

from fleet_wire.errors import LocalProtocolError, RemoteProtocolError

CARS = "cars"
WAKE = "wake"
NULL_BOXES = "null-box-"
"""Ids of the null boxes beside the fleet begin so: what measures the stack is no car."""
VEHICLE_ID = re.compile(r"[A-Za-z0-9_.-]{1,64}")


class TopicKind(StrEnum):
    """The last level of a car's topic (or the first, for `wake`)."""

    COMMAND = "command"
    RESULT = "result"
    STATE = "state"
    PRESENCE = "presence"
    TELEMETRY = "telemetry"
    EVENT = "event"
    WAKE = "wake"

    __hash__ = str.__hash__  # that of `Enum` is a Python call, and messages are looked up by kind


_KIND_OF_LEVEL = {kind.value: kind for kind in TopicKind if kind is not TopicKind.WAKE}


def checked_vehicle_id(vehicle_id: str) -> str:
    """Return `vehicle_id`, or raise `LocalProtocolError` where it cannot be a topic level."""
    if VEHICLE_ID.fullmatch(vehicle_id) is None:
        raise LocalProtocolError(
            f"vehicle id {vehicle_id!r}: 1 to 64 of A-Z a-z 0-9 _ . - are allowed"
        )
    return vehicle_id


def topic_of(kind: TopicKind, vehicle_id: str) -> str:
    """Return the topic of `kind` for one car, or for all with `vehicle_id` "+"."""
    if kind is TopicKind.WAKE:
        return f"{WAKE}/{vehicle_id}"
    return "/".join((CARS, vehicle_id, kind))  # noqa: FLY002 - a member is slow to format


def parse_topic(topic: str) -> tuple[TopicKind, str]:
    """Return the kind and the vehicle id of a topic.

    Raises `RemoteProtocolError` for a topic outside the contract.
    """
    levels = topic.split("/")
    if len(levels) == 3 and levels[0] == CARS:  # noqa: PLR2004 - cars/{id}/{kind}
        kind = _KIND_OF_LEVEL.get(levels[2])
        if kind is not None and VEHICLE_ID.fullmatch(levels[1]):
            return kind, intern(levels[1])  # one object for all that is kept of a car
    elif len(levels) == 2 and levels[0] == WAKE and VEHICLE_ID.fullmatch(levels[1]):  # noqa: PLR2004
        return TopicKind.WAKE, levels[1]
    raise RemoteProtocolError("topic is outside the contract", topic=topic[:200])
