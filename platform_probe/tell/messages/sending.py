"""Carries out what a core decides, in the event loop: calls run beside each other, one a lane."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final, Generic

from fleet_wire.clock import Clock
from fleet_wire.contract.incident import Incident
from platform_probe.tell.messages.delivery import CallT, Core, Moment

LEAST_S: Final = 0.01
"""Between two looks, whatever a core says."""
LOOK_EVERY_S: Final = 5.0
"""A wall clock that was set is noticed within so long."""
FLUSH_S: Final = 5.0
"""The time at the end for deliveries under way or due."""


class Sending(Generic[CallT]):
    """One core at work. `carry_out` sends a call and passes its result to the core.

    `on_defect` gets exceptions that neither should raise: they stop nothing else.
    """

    def __init__(
        self,
        core: Core[CallT],
        carry_out: Callable[[CallT], Awaitable[None]],
        clock: Clock,
        on_defect: Callable[[Exception], None],
    ) -> None:
        self._core = core
        self._carry_out = carry_out
        self._clock = clock
        self._on_defect = on_defect
        self._changed = asyncio.Event()
        self._work: asyncio.Task[None] | None = None
        self._calls: set[asyncio.Task[None]] = set()

    def moment(self) -> Moment:
        """Return the time on both clocks."""
        return Moment(self._clock.monotonic_s(), self._clock.unix_s())

    def start(self) -> None:
        """Begin. Call it in the event loop."""
        self._work = asyncio.ensure_future(self._run())

    def handle_incident(self, incident: Incident) -> None:
        """Hand a revision on. Never blocks."""
        self._core.handle_incident(incident, self.moment())
        self._changed.set()

    async def close(self, *, at_once: bool) -> None:
        """Send what is due, for `FLUSH_S` at most, and end. What is left is kept on disk."""
        if not at_once:
            until_s = self._clock.monotonic_s() + FLUSH_S
            while self._has_soon() and self._clock.monotonic_s() < until_s:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        tasks = [*self._calls, *([self._work] if self._work else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _has_soon(self) -> bool:
        return bool(self._calls) or self._core.next_s() <= self._clock.monotonic_s() + 1.0

    async def _run(self) -> None:
        while True:
            self._changed.clear()
            wait_s = LOOK_EVERY_S
            try:
                while (call := self._core.next(self.moment())) is not None:
                    task = asyncio.ensure_future(self._carry_out(call))
                    self._calls.add(task)
                    task.add_done_callback(self._on_task_done)
                wait_s = min(self._core.next_s() - self._clock.monotonic_s(), LOOK_EVERY_S)
            except Exception as error:  # noqa: BLE001 - a defect of ours must not end the sending
                self._on_defect(error)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), max(wait_s, LEAST_S))

    def _on_task_done(self, task: asyncio.Task[None]) -> None:
        self._calls.discard(task)
        self._changed.set()
        if not task.cancelled() and isinstance(error := task.exception(), Exception):
            self._on_defect(error)
