"""Messages as they come from a link."""

from __future__ import annotations

from typing import Any

import msgspec

from fleet_wire.links.link import Message


def message_of(topic: str, payload: bytes, **changes: Any) -> Message:
    """Return a message as it comes from a link."""
    message = Message(
        topic, payload, 1, retain=False, duplicate=False, packet_id=1, correlation_data=None,
        response_topic=None, expiry_s=None, user_properties=[],
    )  # fmt: skip
    return msgspec.structs.replace(message, **changes)
