"""What faults have done to one box. A healthy box has none of this, and pays nothing for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from fleet_wire.links.reconnect import ReconnectPolicy
from fleet_wire.randomness import RandomStream

Trouble = TypeVar("Trouble")


@dataclass(slots=True, eq=False)
class Chance:
    """Something that happens with a probability, drawn from the fault's own stream."""

    probability: float
    stream: RandomStream

    def happens(self) -> bool:
        """Draw once."""
        return self.stream.uniform() < self.probability


def any_happens(chances: list[Chance]) -> bool:
    """Draw once for each: one fault must not change the draws of another."""
    return sum(chance.happens() for chance in chances) > 0


@contextmanager
def in_force(troubles: list[Trouble], trouble: Trouble) -> Iterator[None]:
    """Add one trouble for as long as the block lasts; those of other faults stay as they are."""
    troubles.append(trouble)
    yield
    troubles.remove(trouble)


@dataclass(slots=True)
class Troubles:
    """The faults in force on one box. Each fault adds its own trouble and takes it back."""

    clock_skews_s: list[float] = field(default_factory=list)
    """The box's clock is ahead by so much more than its ordinary error; they add up."""
    expiry_ignored: int = 0
    """By how many faults the firmware executes commands however old they are."""
    loses_result: list[Chance] = field(default_factory=list)
    """The final answer to a command never leaves the box."""
    crashes: list[Chance] = field(default_factory=list)
    """A command makes the firmware crash and reboot instead of answering."""
    can_bus_dead: list[Chance] = field(default_factory=list)
    """The CAN bus does not wake, however often the box tries."""
    loses_sms: list[Chance] = field(default_factory=list)
    """The SMS never arrives; replaces the ordinary loss."""
    reconnect: ReconnectPolicy | None = None
    """The firmware's rule, where it is worse than the ordinary one."""
