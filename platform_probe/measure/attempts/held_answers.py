"""Answers that came before the copy of their command, held for a moment.

A broker keeps the order of one publisher's messages, but not of two. A fast box's answer may
overtake the customer's command on its way to us.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final, NamedTuple

from fleet_wire.contract.messages import Result, VehicleState
from fleet_wire.contract.partial import PartialState

HOLD_S: Final = 2.0
"""How long an answer waits for the command that it answers."""
MAX_HELD: Final = 10_000
"""The most answers that wait: unsolicited ones must not fill memory."""


class HeldAnswer(NamedTuple):
    """A box's answer, or the open lock that it reports, and when it came."""

    vehicle_id: str
    message: Result | VehicleState | PartialState
    at_s: float
    unix_s: float


class HeldAnswers:
    """Answers by the command that nobody has seen yet, each until `HOLD_S` after the first."""

    def __init__(self) -> None:
        self._held: dict[str, list[HeldAnswer]] = {}
        """The oldest first."""
        self.count = 0
        """How many answers wait: mostly none, and asked for with every message."""

    def add(self, command_id: str, answer: HeldAnswer) -> bool:
        """Hold an answer; return whether there was room."""
        if self.count >= MAX_HELD:
            return False
        self.count += 1
        self._held.setdefault(command_id, []).append(answer)
        return True

    def pop_answers(self, command_id: str) -> list[HeldAnswer]:
        """Return the answers to a command that has come now, in the order in which they came."""
        waiting = self._held.pop(command_id, [])
        self.count -= len(waiting)
        return waiting

    def overdue(self, now_s: float) -> Iterator[HeldAnswer]:
        """Remove and yield the answers that have waited in vain."""
        while self._held:
            command_id, waiting = next(iter(self._held.items()))
            if waiting[0].at_s + HOLD_S > now_s:
                return
            yield from self.pop_answers(command_id)

    def next_s(self) -> float:
        """Return when the next answer has waited long enough; infinity where none waits."""
        for waiting in self._held.values():
            return waiting[0].at_s + HOLD_S
        return math.inf
