"""What a broker of our own is set to, in the terms of mosquitto's configuration file."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerSettings:
    """Settings of the broker; None leaves the broker's own."""

    max_queued_messages: int | None = None
    """How many messages wait for a client that is away; 0: without a limit."""

    def mosquitto_config(self) -> str:
        """Return the lines of mosquitto.conf."""
        if self.max_queued_messages is None:
            return ""
        return f"max_queued_messages {self.max_queued_messages}\n"


def tightest(asked: Iterable[BrokerSettings]) -> BrokerSettings:
    """Return settings that give everybody what they asked for: of limits the lowest."""
    queues = [each.max_queued_messages for each in asked if each.max_queued_messages is not None]
    lowest = min(queues, key=lambda limit: limit or math.inf, default=None)
    return BrokerSettings(max_queued_messages=lowest)
