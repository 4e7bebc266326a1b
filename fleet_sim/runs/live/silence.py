"""A time in which a process of a run stood still, as another or the process itself notices it."""

from __future__ import annotations

from time import monotonic
from typing import Final, NamedTuple

STILL_S: Final = 10.0
"""Seconds without a sign of life after which a process counts as stalled."""


class Beat:
    """Notices that its own process was stopped, or got no turn: ask for `gap` again and again."""

    def __init__(self) -> None:
        self._at = monotonic()

    def gap(self) -> tuple[float, float] | None:
        """Return from when to when it stood still since the last call, on the monotonic clock."""
        since, self._at = self._at, monotonic()
        return (since, self._at) if self._at - since >= STILL_S else None


class Silence(NamedTuple):
    """A process and the time of its silence; sorts by process and time.

    Times are seconds of the monotonic clock.
    """

    process: int
    """Its number."""
    since: float
    """When its last word before had come, or as it says itself."""
    until: float
    silent_s: float
    """How long that was, without what the process that listens stood still itself."""
    name: str
    """The process's name."""

    def overlaps(self, other: Silence) -> bool:
        """Return whether both tell of the same."""
        overlap = self.since <= other.until and other.since <= self.until
        return self.process == other.process and overlap

    @property
    def text(self) -> str:
        """Which it was, and how long."""
        return f"{self.name}: silent for {self.silent_s:.0f} s"

    @property
    def end_text(self) -> str:
        """That it is over."""
        return f"{self.name} is back after {self.silent_s:.0f} s"
