"""One run of a monitor: from the first connect to its last word on stdout."""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import select
import signal
import time
from collections.abc import Callable
from typing import Any, Final

import msgspec

from fleet_wire.errors import BrokerUnreachableError
from fleet_wire.garbage import calm_garbage_collector
from fleet_wire.systemd import service_of_systemd
from fleet_wire.web.server import at_url
from platform_probe.measure.probe import Probe
from platform_probe.outputs.logs import Logger
from platform_probe.settings.load import LoadSettings
from platform_probe.settings.monitor import ProbeSettings

STDOUT: Final = 1
PROGRESS_S: Final = 1.0
POLL_S: Final = 0.05
SETTLE_S: Final = 0.1
"""Ready when no retained message came for so long: presence is evidence for the first unlock."""
MAX_SETTLE_S: Final = 300.0
"""For two million of them, of a million cars, on a machine that has other things to do.

An endless stream of retained messages is not waited for.
"""
DRAIN_MARGIN_S: Final = 1.0
"""What is in flight ends with its deadline, and is noticed a moment later."""
YOUNG_OBJECTS: Final = 2_000
"""Objects between two runs of the garbage collector.

A run over so many stops the monitor for half a millisecond, over 20,000 for five. One unlock
in a hundred waited for that at 2,000 a second.
"""
MIDDLE: Final = 2
"""Runs of it between two over what survived one: a millisecond for 4,000 objects."""
OLD: Final = 2_000
"""And of those between two over all the rest, 8 million objects: an attempt lives for some seconds,
and is no garbage while it does [E]."""


def drain_s(load: LoadSettings) -> float:
    """Return how long a stopping probe waits for unlocks in flight, at most.

    An unlock that has just begun may last until its deadline, and one try to lock its car after
    that as long again.
    """
    relocks = load.unlocks and load.relock
    return load.deadline_s * (2 if relocks else 1) + DRAIN_MARGIN_S


class Run:
    """One run: from the first connect to the last word on stdout."""

    def __init__(
        self,
        settings: ProbeSettings,
        probe: Probe,
        logger: Logger,
        http_port: int,
        flush: Callable[[], None],
    ) -> None:
        self._flush = flush
        self._settings = settings
        self._probe = probe
        self._logger = logger
        self._http_port = http_port
        self._told_to_stop = asyncio.Event()
        self._told_to_end = asyncio.Event()

    @property
    def is_told_to_end(self) -> bool:
        """Whether somebody does not want to wait."""
        return self._told_to_end.is_set()

    async def run(self) -> None:
        """Do the work, until it is done or told to stop. Raises `BrokerError`."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self._told_to_stop.set)
        loop.add_signal_handler(signal.SIGINT, self._interrupted)
        work = asyncio.ensure_future(self._work())
        end = asyncio.ensure_future(self._told_to_end.wait())
        try:
            with service_of_systemd():
                await asyncio.wait({work, end}, return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                work.result()
        finally:
            await cancelled(work, end)
        self._probe.close()
        self._flush()
        self._say("done", **self._probe.counts())

    async def _work(self) -> None:
        stopping = asyncio.ensure_future(self._stop_when_told())
        try:
            calm_garbage_collector(young=YOUNG_OBJECTS, middle=MIDDLE, old=OLD)
            await self._connect()
            if self._told_to_stop.is_set():
                return
            calm_garbage_collector(young=YOUNG_OBJECTS, middle=MIDDLE, old=OLD)
            load_starts_at = self._probe.begin_load()
            url = at_url(self._settings.listen_host, self._http_port)
            self._say("ready", load_starts_at=load_starts_at, metrics_url=f"{url}/metrics")
            await self._until_done()
            self._probe.stop()
            await self._until_idle()
        finally:
            await cancelled(stopping)

    async def _connect(self) -> None:
        """Connect, and learn what is retained. Raises `BrokerError` when that does not work out."""
        connection = self._probe.connection
        wait_s = math.inf if self._settings.wait_s is None else self._settings.wait_s
        self._probe.watch_itself()
        connection.connect()
        await _until(
            lambda: (
                connection.is_connected
                or connection.refusal is not None
                or self._told_to_stop.is_set()
            ),
            wait_s,
        )
        if connection.refusal is not None:
            raise connection.refusal
        if not connection.is_connected and not self._told_to_stop.is_set():
            broker = self._settings.brokers
            raise BrokerUnreachableError(
                f"no connection to {broker} within {wait_s:g} s: {connection.last_error}"
            )
        await self._learn_what_is_retained()

    async def _learn_what_is_retained(self) -> None:
        connection, seen, said_s = self._probe.connection, -1, time.monotonic()
        until_s = said_s + MAX_SETTLE_S
        while seen != connection.retained and not self._told_to_stop.is_set():
            seen, now_s = connection.retained, time.monotonic()
            if now_s >= until_s:
                return
            if now_s >= said_s + PROGRESS_S:
                said_s = now_s
                self._say("learning", retained=seen)
            await asyncio.sleep(SETTLE_S)

    async def _until_done(self) -> None:
        while not self._told_to_stop.is_set():
            if self._settings.exit_when_done and self._probe.is_done:
                return
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._told_to_stop.wait(), PROGRESS_S)
            self._say("progress", **self._probe.counts())

    async def _until_idle(self) -> None:
        """Wait for what is in flight, and say how it goes on: who starts us takes silence badly."""
        until_s = time.monotonic() + drain_s(self._settings.tracking)
        while not self._probe.is_idle and (left_s := until_s - time.monotonic()) > 0:
            await _until(lambda: self._probe.is_idle, min(PROGRESS_S, left_s))
            self._say("progress", **self._probe.counts())

    async def _stop_when_told(self) -> None:
        await self._told_to_stop.wait()
        self._say("stopping")
        self._logger.info("stopping")
        self._probe.stop()

    def _interrupted(self) -> None:
        if self._told_to_stop.is_set():
            self._told_to_end.set()
        self._told_to_stop.set()

    def _say(self, event: str, **fields: Any) -> None:
        """Write a line for the parent; a reader that is gone or asleep must not stop us."""
        line = msgspec.json.encode({"event": event, **fields}) + b"\n"
        with contextlib.suppress(OSError):
            if select.select((), (STDOUT,), (), 0)[1]:
                os.write(STDOUT, line)


async def _until(predicate: Callable[[], bool], timeout_s: float) -> None:
    until_s = time.monotonic() + timeout_s
    while not predicate() and time.monotonic() < until_s:  # noqa: ASYNC110 - a few times a second
        await asyncio.sleep(POLL_S)


async def cancelled(*tasks: asyncio.Future[Any]) -> None:
    """Cancel tasks, and wait until they have ended."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
