"""What a box has answered to commands, and what that says of its clock. No I/O."""

from __future__ import annotations

from typing import Final, NamedTuple

from fleet_wire.contract.messages import Phase

SAID_TWICE_S: Final = 0.5
"""Two answers that have waited together were given at least a bus's wake-up apart: 0.75 s."""


class Answer(NamedTuple):
    """What the box said of a command, and when by its own clock, in Unix seconds."""

    command_id: str
    phase: Phase
    box_s: float | None


class BoxClock(NamedTuple):
    """What its answers say of a box's clock."""

    ahead_s: float
    """How far it is ahead of ours."""
    last_said_s: float
    """The same as the last answer has it, which may have waited for long."""


def clock_by(said_s: float, before: BoxClock | None) -> BoxClock:
    """Return what is known of a clock after an answer that says how far it is ahead.

    An answer that has waited makes the clock seem to be behind: that must be said twice alike.
    """
    if before is None or said_s > before.ahead_s:
        return BoxClock(said_s, said_s)
    is_said_twice = abs(said_s - before.last_said_s) < SAID_TWICE_S
    return BoxClock(said_s if is_said_twice else before.ahead_s, said_s)
