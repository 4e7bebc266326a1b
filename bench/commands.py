"""Signed commands, made before they are needed: sending one then costs no more than its bytes."""

from __future__ import annotations

import time
from typing import NamedTuple

from bench.fleets.common import FLEET_SECRET, vehicle_id_of
from fleet_wire.contract import codec
from fleet_wire.contract.messages import Action, Command
from fleet_wire.contract.signing import signature_of, vehicle_key
from fleet_wire.contract.topics import TopicKind, topic_of

_TTL_MS = 600_000


class ReadyCommand(NamedTuple):
    """A command to the box of this number, ready to be published."""

    box: int
    topic: str
    payload: bytes


def make_commands(total: int, boxes: int) -> list[ReadyCommand]:
    """Return `total` unlocks, to each of `boxes` in turn, to be sent in this order."""
    issued_at_ms = time.time_ns() // 1_000_000
    keys = [vehicle_key(FLEET_SECRET, vehicle_id_of(index)) for index in range(boxes)]
    topics = [topic_of(TopicKind.COMMAND, vehicle_id_of(index)) for index in range(boxes)]
    return [
        ReadyCommand(
            number % boxes,
            topics[number % boxes],
            _payload(keys[number % boxes], number=number, issued_at_ms=issued_at_ms),
        )
        for number in range(total)
    ]


def _payload(key: bytes, *, number: int, issued_at_ms: int) -> bytes:
    command_id = f"bench-command-{number:08d}"
    expires_at_ms = issued_at_ms + _TTL_MS
    signature = signature_of(
        key,
        command_id=command_id,
        action=Action.UNLOCK,
        expires_at_ms=expires_at_ms,
        counter=number,
    )
    return codec.encode(
        Command(
            command_id=command_id,
            action=Action.UNLOCK,
            issued_at_ms=issued_at_ms,
            expires_at_ms=expires_at_ms,
            counter=number,
            signature=signature,
        )
    )
