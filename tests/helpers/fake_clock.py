"""Clocks that a test turns."""

from __future__ import annotations

from dataclasses import dataclass

EPOCH_S = 1_700_000_000.0


@dataclass
class FakeClock:
    """Both clocks, as the test sets them."""

    now_s: float = 1_000.0
    wall_s: float = EPOCH_S

    def monotonic_s(self) -> float:
        """Return the monotonic clock."""
        return self.now_s

    def unix_s(self) -> float:
        """Return the wall clock."""
        return self.wall_s
