"""What is said while very much comes in: how much, how fast, and what time and memory are left."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from fleet_sim.results import readable
from fleet_sim.runs.memory import available_bytes
from fleet_wire.clock import Clock

RATE_OVER_S: Final = 3.0
"""A rate is that of so long at least: what takes less is over before anybody has read one."""


class Counting:
    """Counts towards a total. `free_bytes` says how much memory is left, or None."""

    def __init__(
        self, clock: Clock, free_bytes: Callable[[], int | None] = available_bytes
    ) -> None:
        self._clock = clock
        self._free_bytes = free_bytes
        self._since: tuple[float, int] | None = None
        self._rate_per_s: float | None = None

    def restart(self) -> None:
        """Count something else from now on."""
        self._since = self._rate_per_s = None

    def rate_text(self, so_far: str, done: int, total: int) -> str:
        """Return what is said of so much of a total; `so_far` is how much that is, in words."""
        now_s = self._clock.monotonic_s()
        if self._since is None:
            self._since = now_s, done
        began_s, before = self._since
        if now_s - began_s >= RATE_OVER_S:
            self._rate_per_s = (done - before) / (now_s - began_s)
            self._since = now_s, done
        if self._rate_per_s is None:
            return so_far
        parts, free = [so_far], self._free_bytes()
        if self._rate_per_s >= 1:
            parts.append(f"{self._rate_per_s:,.0f} a second")
        if self._rate_per_s and done < total:
            parts.append(f"{readable.duration((total - done) / self._rate_per_s)} left")
        if free is not None:
            parts.append(f"{free / 1e9:.1f} GB of memory free")
        return ", ".join(parts)
