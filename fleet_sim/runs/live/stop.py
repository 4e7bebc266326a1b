"""How the user ends a live run: in good order, or now."""

from __future__ import annotations

import asyncio
import signal

from fleet_sim.runs.progress import Progress


class Stop:
    """Ctrl-C and SIGTERM: the first asks for a clean end, a second Ctrl-C for an end now."""

    def __init__(self, progress: Progress) -> None:
        self.asked = asyncio.Event()
        self.now = asyncio.Event()
        self._progress = progress
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._take, number)

    def _take(self, number: signal.Signals) -> None:
        if self.asked.is_set() and number == signal.SIGINT:
            self.now.set()
        elif not self.asked.is_set():
            self._progress.note("ending: unlocks under way may finish (Ctrl-C again: end now)")
            self.asked.set()
