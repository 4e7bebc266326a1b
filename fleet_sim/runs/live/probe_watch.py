"""Says when the probe of a run stands still: its display would say the same again and again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from fleet_sim.runs.live.silence import STILL_S

WATCH_S: Final = 1.0
SILENT_S: Final = STILL_S
"""Seconds without a report after which the probe counts as stalled; it reports once a second."""


class ProbeWatch:
    """Follows a probe from its first word to its last; `note` takes what is to be said."""

    def __init__(self, note: Callable[[str], None]) -> None:
        self._note = note
        self._silent_s = 0.0

    def note_sign_of_life(self) -> None:
        """Record a sign of life."""
        if self._silent_s >= SILENT_S:
            self._note(f"the probe is back after {self._silent_s:.0f} s")
        self._silent_s = 0.0

    async def watch(self) -> None:
        """Report when the probe falls silent, until this is cancelled.

        Time without a turn is not its own.
        """
        while True:
            await asyncio.sleep(WATCH_S)
            was_silent = self._silent_s >= SILENT_S
            self._silent_s += WATCH_S
            if self._silent_s >= SILENT_S and not was_silent:
                self._note(
                    f"the probe gives no sign of life for {SILENT_S:.0f} s: no unlock begins or"
                    " ends until it does"
                )
