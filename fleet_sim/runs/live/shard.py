"""One process of a run that is spread over several: it plays every N-th box, and nothing else."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable, Collection
from dataclasses import replace
from functools import partial
from time import monotonic
from typing import Any, Final

import msgspec

from fleet_sim.cars.movements import Movement
from fleet_sim.faults import Hit
from fleet_sim.runs.injection import ProcessRole, inject_all
from fleet_sim.runs.limits import raise_descriptor_limit
from fleet_sim.runs.live import shard_words as words
from fleet_sim.runs.live.fleet import FleetOptions, LiveFleet
from fleet_sim.runs.live.silence import Beat
from fleet_sim.runs.memory import rss_bytes
from fleet_sim.runs.progress import SilentProgress
from fleet_sim.scenario.loading import Scenario
from fleet_wire.errors import UnlockpathError

COUNTS_S: Final = 0.5
TOGETHER_S: Final = 0.05
"""Seconds that messages wait for others. Each write would wake the parent process, and at 2,000
unlocks a second locks alone give 4,000 messages."""


async def play_shard(
    scenario: Scenario,
    options: FleetOptions,
    elsewhere: Collection[str],
    shard: tuple[int, int],
    channel: socket.socket,
) -> None:
    """Connect the boxes of a shard, inject what strikes them, and serve until told to end.

    Those of the cars `elsewhere` are in the process that has started this one. What is there to be
    told goes over `channel`, errors too. When the other side hangs up it ends, without goodbyes.
    """
    reader, writer = await asyncio.open_connection(sock=channel, limit=words.LINE_BYTES)
    said = MessageBatcher(partial(words.write, writer))
    with contextlib.suppress(ConnectionError):
        try:
            await _Shard(scenario, options, elsewhere, shard, reader, said).play()
        except UnlockpathError as error:
            said.say(words.Failed(str(error)))
        said.flush()
        await writer.drain()
    writer.close()


class MessageBatcher:
    """Hands on the words of some time in one piece; `flush` those that wait."""

    def __init__(self, write: Callable[[bytes], None]) -> None:
        self._write = write
        self._waiting: list[bytes] = []

    def say(self, word: msgspec.Struct) -> None:
        """Queue a message to go with the next ones."""
        if not self._waiting:
            asyncio.get_running_loop().call_later(TOGETHER_S, self.flush)
        self._waiting.append(words.line(word))

    def flush(self) -> None:
        """Send the waiting messages."""
        waiting, self._waiting = self._waiting, []
        if waiting:
            self._write(b"".join(waiting))


class _Shard(SilentProgress):
    """The boxes of this process, and their progress: it passes their notes on."""

    def __init__(
        self,
        scenario: Scenario,
        options: FleetOptions,
        elsewhere: Collection[str],
        shard: tuple[int, int],
        reader: asyncio.StreamReader,
        said: MessageBatcher,
    ) -> None:
        specs = [spec for spec in scenario.cars(shard) if spec.vehicle_id not in elsewhere]
        raise_descriptor_limit(len(specs))
        self._scenario = scenario
        self._specs = specs
        self._reader = reader
        self._say = said.say
        self._may_connect = asyncio.Event()
        self._ended = asyncio.Event()
        self._is_left_alone = False
        """Whether the other side is gone, and has not told us to end."""
        self._rss_before = rss_bytes()
        number, total = shard
        if options.is_watched:
            options = replace(options, on_movement=self._report_movement)
        self._fleet = LiveFleet(
            specs,
            replace(options, with_null_box=number == 1, name=f"sms-centre-{number}-of-{total}"),
        )
        self._fleet.answered = self._answered = asyncio.Event()
        self._fleet.driver.on_stall = self._fail
        self._failure: str | None = None

    async def play(self) -> None:
        """Do all of it. Raises `UnlockpathError` where the boxes cannot connect."""
        fleet = self._fleet
        listening = asyncio.ensure_future(self._listen())
        counting = asyncio.ensure_future(self._count())
        try:
            await self._may_connect.wait()
            await fleet.connect(self, self._ended)
            self._say(self._counts())
            self._say(words.Ready(missing=fleet.missing))
            await self._ended.wait()
            if self._failure is not None:
                raise UnlockpathError(self._failure)
        finally:
            listening.cancel()
            if not self._is_left_alone:
                await self._shut_down()
            counting.cancel()

    def _fail(self, why: str) -> None:
        """End: the simulated time of this process stands still."""
        self._failure = why
        self._ended.set()
        self._may_connect.set()

    async def _shut_down(self) -> None:
        self._fleet.end_injections()
        self._say(words.AllReported())
        await self._fleet.close()
        self._say(self._counts())

    async def _listen(self) -> None:
        """Do what the other side says, until it says the end, or is gone."""
        is_told = False
        async for line in words.lines(self._reader):
            word = words.to_shard.decode(line)
            match word:
                case words.Connect():
                    self._may_connect.set()
                case words.BrokerAnswered():
                    self._answered.set()
                case words.StartLoad():
                    self._start_load(word.load_starts_at)
                case words.Shutdown():
                    is_told = True
                    break
        self._is_left_alone = not is_told
        self._ended.set()
        self._may_connect.set()

    def _start_load(self, load_starts_at: float) -> None:
        driver = self._fleet.driver
        with driver.present():
            inject_all(
                self._scenario,
                self._specs,
                self._fleet.fleet,
                load_starts_s=driver.now_s() + load_starts_at - monotonic(),
                record=self._record,
                part=ProcessRole.BOXES,
            )

    def _record(self, line: Any) -> None:
        """Send hits to the parent, which knows the injections itself."""
        if isinstance(line, Hit):
            self._say(words.Truth(line))

    def _report_movement(self, movement: Movement) -> None:
        at_s = movement.at_s - self._fleet.driver.now_s() + monotonic()
        self._say(words.LockMoved(msgspec.structs.replace(movement, at_s=at_s)))

    async def _count(self) -> None:
        beat = Beat()
        while True:
            if gap := beat.gap():  # the parent may have stalled as well
                self._say(words.Stalled(*gap))
            self._say(self._counts())
            await asyncio.sleep(COUNTS_S)

    def _counts(self) -> words.Counts:
        defects = self._fleet.driver.defects
        return words.Counts(
            fleet=self._fleet.counts,
            defects=defects.count,
            first_defect=defects.first,
            rss_bytes=rss_bytes() - self._rss_before,
            last_failure=self._fleet.health.last_failure(),
            brokers=self._fleet.broker_states(),
        )

    def note(self, text: str) -> None:
        """Pass it on."""
        self._say(words.Note(text))
