"""Two clocks: monotonic for durations, wall for stamps. Never subtract one from the other."""

from __future__ import annotations

from typing import Protocol


class Clock(Protocol):
    """What a component may ask about time. Handed in, so that virtual time can hand in its own."""

    def monotonic_s(self) -> float:
        """Return seconds since an arbitrary start; never goes back."""
        ...

    def unix_s(self) -> float:
        """Return seconds since 1970-01-01 UTC; may jump."""
        ...
