"""How the user ends what runs on an event loop: in good order, or now.

Signals that arrive before the loop handles them would leave it half made, so they wait.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, Final, TypeVar

import uvloop

from fleet_sim.runs.live.forking import OF_THE_PARENT, signals_held
from fleet_sim.runs.progress import Progress

T = TypeVar("T")
REPORT_S: Final = 10.0
"""Seconds between two reports of what serves."""


def run_loop(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run what `work` returns; Ctrl-C and SIGTERM wait until it calls `route_signals`."""
    with signals_held():
        return uvloop.run(work())


def route_signals(take: Callable[[signal.Signals], None]) -> None:
    """Route Ctrl-C and SIGTERM to `take` from now on, also those that came before."""
    loop = asyncio.get_running_loop()
    for number in OF_THE_PARENT:
        loop.add_signal_handler(number, take, number)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, OF_THE_PARENT)


async def report_until(stop: asyncio.Event, report: Callable[[], None]) -> None:
    """Report every `REPORT_S`, and once more at the end."""
    while not stop.is_set():
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), REPORT_S)
        report()


class Stop:
    """Ctrl-C and SIGTERM: the first asks for a clean end, a second Ctrl-C for an end now."""

    def __init__(self, progress: Progress) -> None:
        self.asked = asyncio.Event()
        self.now = asyncio.Event()
        self._progress = progress
        route_signals(self._handle_signal)

    def ask(self, why: str) -> None:
        """Ask for a clean end, if nobody has, and say why."""
        if not self.asked.is_set():
            self._progress.note(f"{why}: unlocks under way may finish (Ctrl-C again: end now)")
            self.asked.set()

    def _handle_signal(self, number: signal.Signals) -> None:
        if self.asked.is_set() and number == signal.SIGINT:
            self.now.set()
        self.ask("ending")
