"""A time in which a process of boxes stood still."""

from __future__ import annotations

from typing import NamedTuple


class Silence(NamedTuple):
    """Whose it was and when, in seconds of the monotonic clock; they sort by process and time."""

    process: int
    """Its number."""
    since: float
    """When its last word before had come, or as it says itself."""
    until: float
    silent_s: float
    """How long that was, without what the process that listens stood still itself."""
    name: str
    """What the process is called."""

    def is_part_of(self, other: Silence) -> bool:
        """Return whether both tell of the same."""
        overlap = self.since <= other.until and other.since <= self.until
        return self.process == other.process and overlap

    @property
    def text(self) -> str:
        """Which it was, and how long."""
        return f"{self.name}: silent for {self.silent_s:.0f} s"

    @property
    def end(self) -> str:
        """That it is over."""
        return f"{self.name} is back after {self.silent_s:.0f} s"
