"""Two clocks: monotonic for durations, wall for stamps. Never subtract one from the other."""

from __future__ import annotations

from typing import Protocol


class Clock(Protocol):
    """The questions that a component may ask about time.

    The clock is injected, so that virtual time can supply its own.
    """

    def monotonic_s(self) -> float:
        """Return seconds since an arbitrary start; never goes back."""
        ...

    def unix_s(self) -> float:
        """Return seconds since 1970-01-01 UTC; may jump."""
        ...
