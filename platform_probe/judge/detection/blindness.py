"""The monitor's own blindness: it is not connected, so it hears nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from fleet_wire.contract.incident import IncidentKind
from platform_probe.judge.detection.sighting import Sighting

PATIENCE_S: Final = 30.0
"""A connection that is back so soon is no news [E]."""


NOT_CONNECTED: Final = "not_connected"
"""What is found, as `Finding.what` has it."""


class Blindness:
    """Whether the monitor sees anything at all."""

    def __init__(self, numbers: Iterator[int]) -> None:
        self._numbers = numbers
        self._since_s: float | None = None
        self.sightings: list[Sighting] = []

    @property
    def is_blind(self) -> bool:
        """Whether there is no connection."""
        return self._since_s is not None

    def connection(self, now_s: float, *, is_there: bool) -> None:
        """Handle that the monitor is connected to the broker, or no longer."""
        if is_there:
            self._since_s = None
        elif self._since_s is None:
            self._since_s = now_s

    def tick(self, now_s: float) -> None:
        """Find that it lasts, or is over."""
        since_s = self._since_s
        for one in self.sightings:
            one.is_over = since_s is None
        if since_s is not None and now_s - since_s > PATIENCE_S and not self.sightings:
            self.sightings.append(
                Sighting(
                    number=next(self._numbers),
                    kind=IncidentKind.MONITOR_BLIND,
                    what=NOT_CONNECTED,
                    since_s=since_s,
                    last_s=now_s,
                )
            )
