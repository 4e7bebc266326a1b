"""Carries out what a core decides, in the event loop: calls run beside each other, one a lane."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from contextlib import suppress
from typing import Final, Generic, NamedTuple

from fleet_wire.clock import Clock
from fleet_wire.contract.incident import Incident
from platform_probe.tell.messages.delivery import CallT, Core, Moment
from platform_probe.tell.messages.journal import Journal
from platform_probe.tell.messages.metrics import CallResults
from platform_probe.texts.speaking import Speaker

LEAST_S: Final = 0.01
"""Between two looks, whatever a core says."""
LOOK_EVERY_S: Final = 5.0
"""A wall clock that was set is noticed within so long."""
FLUSH_S: Final = 5.0
"""The time at the end for deliveries under way or due."""


class BackendParts(NamedTuple):
    """Parts that all backends share: where they keep what was sent, and who counts and speaks."""

    journal: Journal
    results: CallResults
    clock: Clock
    speaker: Speaker


class Backend(ABC, Generic[CallT]):
    """Somewhere that messages go: a core that decides, and what carries out its calls.

    Exceptions that neither should raise are logged: they stop nothing else.
    """

    def __init__(self, name: str, core: Core[CallT], parts: BackendParts) -> None:
        self.name = name
        """The name in metrics and log."""
        self.results = parts.results
        self.clock = parts.clock
        self._core = core
        self._changed = asyncio.Event()
        self._work: asyncio.Task[None] | None = None
        self._calls: set[asyncio.Task[None]] = set()

    @abstractmethod
    async def carry_out(self, call: CallT) -> None:
        """Send a call, and pass its result to the core."""

    def moment(self) -> Moment:
        """Return the time on both clocks."""
        return Moment(self.clock.monotonic_s(), self.clock.unix_s())

    def start(self) -> None:
        """Begin to send. Call it in the event loop."""
        self._work = asyncio.ensure_future(self._run())

    def handle_incident(self, incident: Incident) -> None:
        """Handle a revision of an incident. Never blocks."""
        self._core.handle_incident(incident, self.moment())
        self._changed.set()

    def forgets(self, incident_id: str) -> bool:
        """Forget an incident that is long over, unless something of it waits."""
        return self._core.forgets(incident_id)

    def waiting(self) -> tuple[int, float]:
        """Return how many messages wait, and for how long the oldest has, in seconds."""
        return self._core.waiting(self.clock.monotonic_s())

    async def close(self, *, at_once: bool) -> None:
        """Send what is due, for `FLUSH_S` at most, and end. What is left is kept on disk."""
        if not at_once:
            until_s = self.clock.monotonic_s() + FLUSH_S
            while (now_s := self.clock.monotonic_s()) < until_s:
                if not self._calls and self._core.next_s() > now_s + 1.0:
                    break
                await asyncio.sleep(0.05)
        tasks = [*self._calls, *([self._work] if self._work else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            self._changed.clear()
            wait_s = LOOK_EVERY_S
            try:
                while (call := self._core.next(self.moment())) is not None:
                    task = asyncio.ensure_future(self.carry_out(call))
                    self._calls.add(task)
                    task.add_done_callback(self._on_task_done)
                wait_s = min(self._core.next_s() - self.clock.monotonic_s(), LOOK_EVERY_S)
            except Exception as error:  # noqa: BLE001 - a defect of ours must not end the sending
                self.results.not_kept(error)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), max(wait_s, LEAST_S))

    def _on_task_done(self, task: asyncio.Task[None]) -> None:
        self._calls.discard(task)
        self._changed.set()
        if not task.cancelled() and isinstance(error := task.exception(), Exception):
            self.results.not_kept(error)
