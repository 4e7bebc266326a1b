"""Cars that open after their unlock has ended here: were their customers told no? No I/O.

The platform may wait for longer than we do, and a phone longer than either. A customer who was told
yes stands before an open car; nobody else does. So a late answer waits for what the platform's log
says of its command, as far as that is followed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from fleet_wire.contract.attempt import StrayAnswer
from fleet_wire.contract.problems import ACCEPTED_STATUS, is_error
from platform_probe.measure.attempts.joined_record import EXECUTED
from platform_probe.measure.attempts.platform_side import PlatformSide

ASKED_FOR_S: Final = 60.0
"""How long after the request an app still asks about an accepted command (202), as customers do
[E]; `late-unlocks.sql` has the same.
"""


class LateUnlocks:
    """Late answers that have opened a car, each until it is known what its customer was told.

    `side_of` returns what the platform's log says of a command.
    """

    def __init__(self, side_of: Callable[[str], PlatformSide | None]) -> None:
        self._side_of = side_of
        self._waiting: list[tuple[float, StrayAnswer]] = []
        """With when each came, on the platform's clock."""

    def __len__(self) -> int:
        """Return how many answers wait."""
        return len(self._waiting)

    def next_at(self) -> float | None:
        """Return when the first of them came; None: none waits."""
        return self._waiting[0][0] if self._waiting else None

    def add(self, stray: StrayAnswer, at: float) -> None:
        """Add an answer that has just arrived."""
        self._waiting.append((at, stray))

    def pop_decided(self, mark_at: float) -> list[StrayAnswer]:
        """Remove and return the decided answers, each with whether it is a late unlock.

        Answers from before the mark are decided too: no more lines about them follow.
        """
        known: list[StrayAnswer] = []
        waiting, self._waiting = self._waiting, []
        for at, stray in waiting:
            side = self._side_of(stray.command_id)
            if at > mark_at and not (side is not None and is_decided(side)):
                self._waiting.append((at, stray))
            elif side is not None and is_told_yes(side, stray.after_s or 0.0):
                known.append(msgspec.structs.replace(stray, is_late_unlock=False))
            else:
                known.append(stray)
        return known


def is_told_yes(side: PlatformSide, opened_after_s: float) -> bool:
    """Return whether a customer was told that the car opened, so long after the request.

    Either at once, or as the app asked how it ended.
    """
    if side.outcome != EXECUTED or side.status is None or is_error(side.status):
        return False
    return side.status != ACCEPTED_STATUS or opened_after_s < ASKED_FOR_S


def is_decided(side: PlatformSide) -> bool:
    """Return whether the log has said what the customer was told, and how the command ended."""
    if is_error(side.status):
        return True
    return side.ended_at is not None and (side.answered_at is not None or side.is_left)
