"""What faults have done to one box. A healthy box has none of this, and pays nothing for it."""

from __future__ import annotations

from dataclasses import dataclass

from fleet_wire.randomness import RandomStream
from fleet_wire.reconnect import ReconnectPolicy


@dataclass(slots=True)
class Chance:
    """Something that happens with a probability, drawn from the fault's own stream."""

    probability: float
    stream: RandomStream

    def happens(self) -> bool:
        """Draw once."""
        return self.stream.uniform() < self.probability


@dataclass(slots=True)
class Troubles:
    """The faults in force on one box. Each fault sets its own field and takes it back."""

    clock_skew_s: float = 0.0
    """The box's clock is ahead by so much more than its ordinary error."""
    ignores_expiry: bool = False
    """The firmware executes commands however old they are."""
    loses_result: Chance | None = None
    """The final answer to a command never leaves the box."""
    crashes: Chance | None = None
    """A command makes the firmware crash and reboot instead of answering."""
    can_bus_dead: Chance | None = None
    """The CAN bus does not wake, however often the box tries."""
    loses_sms: Chance | None = None
    """The SMS never arrives; replaces the ordinary loss."""
    reconnect: ReconnectPolicy | None = None
    """The firmware's rule, where it is worse than the ordinary one."""
