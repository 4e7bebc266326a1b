"""A worker of a run that is spread over several processes: it plays every N-th box, no more."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable, Collection
from dataclasses import replace
from functools import partial
from typing import Any, Final

import msgspec

from fleet_sim.cars.movements import Movement
from fleet_sim.faults import Hit
from fleet_sim.runs.injection import Injector, ProcessRole
from fleet_sim.runs.live import worker_messages as messages
from fleet_sim.runs.live.fleet import FleetOptions, LiveFleet
from fleet_sim.scenario.form import Scenario
from fleet_wire.errors import UnlockpathError

TOGETHER_S: Final = 0.05
"""Seconds that messages wait for others. Each write would wake the parent process, and at 2,000
unlocks a second locks alone give 4,000 messages."""


async def play_worker(
    scenario: Scenario,
    options: FleetOptions,
    elsewhere: Collection[str],
    part: tuple[int, int],
    channel: socket.socket,
) -> None:
    """Connect the boxes of share K of N, inject what strikes them, and serve until told to end.

    Those of the cars `elsewhere` are in the process that has started this one. What is there to be
    told goes over `channel`, errors too. When the other side hangs up it ends, without goodbyes.
    """
    reader, writer = await asyncio.open_connection(sock=channel, limit=messages.LINE_BYTES)
    sent = MessageBatcher(partial(messages.write, writer))
    with contextlib.suppress(ConnectionError):
        try:
            await _Worker(scenario, options, elsewhere, part, reader, sent.send).play()
        except UnlockpathError as error:
            sent.send(messages.Failed(str(error)))
        sent.flush()
        await writer.drain()
    writer.close()


class MessageBatcher:
    """Hands on the messages of some time in one piece; `flush` those that wait."""

    def __init__(self, write: Callable[[bytes], None]) -> None:
        self._write = write
        self._waiting: list[bytes] = []

    def send(self, message: msgspec.Struct) -> None:
        """Queue a message to go with the next ones."""
        if not self._waiting:
            asyncio.get_running_loop().call_later(TOGETHER_S, self.flush)
        self._waiting.append(messages.line(message))

    def flush(self) -> None:
        """Send the waiting messages."""
        waiting, self._waiting = self._waiting, []
        if waiting:
            self._write(b"".join(waiting))


class _Worker:
    """The boxes of this process: what is to be noted of them goes to the one that started it."""

    def __init__(
        self,
        scenario: Scenario,
        options: FleetOptions,
        elsewhere: Collection[str],
        part: tuple[int, int],
        reader: asyncio.StreamReader,
        send: Callable[[msgspec.Struct], None],
    ) -> None:
        specs = [spec for spec in scenario.cars(part) if spec.vehicle_id not in elsewhere]
        self._scenario = scenario
        self._specs = specs
        self._reader = reader
        self._send = send
        self._may_connect = asyncio.Event()
        self._has_load = asyncio.Event()
        self._ended = asyncio.Event()
        self._is_left_alone = False
        """Whether the other side is gone, and has not told us to end."""
        self._failure: str | None = None
        number, total = part
        if options.is_watched:
            options = replace(options, on_movement=self._report_movement)
        name = f"sms-centre-{number}-of-{total}"
        options = replace(options, with_null_box=number == 1, name=name)
        self._fleet = LiveFleet(specs, options, lambda text: self._send(messages.Note(text)))
        self._fleet.driver.on_stall = self._fail

    async def play(self) -> None:
        """Do all of it. Raises `UnlockpathError` where the simulated time stands still."""
        fleet = self._fleet
        listening = asyncio.ensure_future(self._listen())
        counting = asyncio.ensure_future(self._count())
        try:
            await self._may_connect.wait()
            with fleet.connecting():
                await self._has_load.wait()
            if not self._ended.is_set():
                await fleet.health.settle()
            await self._ended.wait()
            if self._failure is not None:
                raise UnlockpathError(self._failure)
        finally:
            listening.cancel()
            if not self._is_left_alone:
                await fleet.close()
                self._send(fleet.report())
            counting.cancel()

    def _fail(self, why: str) -> None:
        """End: the simulated time of this process stands still."""
        self._failure = why
        self._end()

    def _end(self) -> None:
        for event in (self._ended, self._may_connect, self._has_load):
            event.set()

    async def _listen(self) -> None:
        """Do what the other side says, until it says the end, or is gone."""
        async for line in messages.lines(self._reader):
            match messages.to_worker.decode(line):
                case messages.Connect():
                    self._may_connect.set()
                case messages.StartLoad(load_starts_at=load_starts_at):
                    self._start_load(load_starts_at)
                case messages.Shutdown():
                    break
        else:
            self._is_left_alone = True
        self._end()

    def _start_load(self, load_starts_at: float) -> None:
        self._may_connect.set()
        self._has_load.set()
        driver = self._fleet.driver
        with driver.present():
            Injector(
                self._specs,
                self._fleet.fleet,
                load_starts_s=load_starts_at - driver.began_at,
                record=self._record,
                part=ProcessRole.BOXES,
            ).inject_all(self._scenario)

    def _record(self, line: Any) -> None:
        """Send hits to the parent, which knows the injections itself."""
        if isinstance(line, Hit):
            self._send(line)

    def _report_movement(self, movement: Movement) -> None:
        at_s = movement.at_s + self._fleet.driver.began_at
        self._send(msgspec.structs.replace(movement, at_s=at_s))

    async def _count(self) -> None:
        while True:
            self._send(self._fleet.report())
            await asyncio.sleep(messages.COUNTS_S)
