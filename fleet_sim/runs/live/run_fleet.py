"""The boxes of a run: those of this process, those of its workers, and how all of them do."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import msgspec

from fleet_sim.cars.movements import Movement
from fleet_sim.cars.spec import CarSpec
from fleet_sim.cars.world import FleetCounts
from fleet_sim.faults import Hit
from fleet_sim.results import readable
from fleet_sim.runs.injection import ProcessRole
from fleet_sim.runs.live.fleet import POLL_S, FleetOptions, Leaving, LiveFleet
from fleet_sim.runs.live.health import Health, without_in_words
from fleet_sim.runs.live.waiting import Waiting
from fleet_sim.runs.live.workers import Workers
from fleet_sim.runs.progress import Progress


class RunFleet:
    """The boxes of a run. Make it where the event loop runs.

    With workers, `specs` are the cars that customers may rent: these open doors by hand, so their
    boxes are in this process. Callbacks get the same events of all boxes, up to half a second late
    for those of workers.
    """

    def __init__(
        self,
        specs: Sequence[CarSpec],
        options: FleetOptions,
        workers: Workers,
        progress: Progress,
    ) -> None:
        self._options = options if not workers else replace(options, with_null_box=False)
        self._progress = progress
        self._workers = workers
        self.here = LiveFleet(specs, self._options)
        self.driver = self.here.driver
        self.health = Health(progress.note)
        self.total = len(specs) + workers.boxes
        """How many boxes the scenario has."""
        self.connect_rate_per_s: float | None = None
        self._record: Callable[[Any], None] = lambda _hit: None
        self._watch: asyncio.Task[None] | None = None

    @property
    def counts(self) -> FleetCounts:
        """The counts of all boxes; `reachable_max` is that of each process, added."""
        counts = self._workers.counts.fleet
        counts.add(self.here.counts, are_there=True)
        return counts

    @property
    def defects(self) -> tuple[int, str | None]:
        """How many defects the model has shown anywhere, and one of the first."""
        (here, first), there = self.here.defects, self._workers.counts
        return here + there.defects, first or there.first_defect

    @property
    def rss_bytes_per_box(self) -> float | None:
        """Memory that the processes of boxes have taken since before they had them, a box."""
        if self._workers:
            return self._workers.counts.rss_bytes / self._workers.boxes
        return self.here.rss_bytes_per_box

    async def connect(self, stop: asyncio.Event) -> None:
        """Start every box and wait until the broker knows them all, or `stop` is set.

        See `LiveFleet.connect`. All processes wait for a broker together, `wait_s` in all.
        """
        began_s, here = time.monotonic(), self.here
        self._workers.follow(self._handle_deed, self.health)
        self._watch = asyncio.ensure_future(self.health.watch_processes())
        here.health.states_elsewhere = self._workers.broker_states
        if here.boxes or not self._workers:
            await here.connect(self._progress, stop)
            self.connect_rate_per_s = here.connect_rate_per_s
        else:
            here.watch_brokers(self._progress)
        if self._workers:
            await self._connect_workers(stop)
            self.connect_rate_per_s = self.counts.known / max(time.monotonic() - began_s, POLL_S)

    async def _connect_workers(self, stop: asyncio.Event) -> None:
        """Wait until the boxes of all workers are connected, as far as they will be."""
        workers, progress = self._workers, self._progress
        waiting = Waiting(self._options.brokers, self._options.wait_s, progress)
        while not stop.is_set() and not workers.all_are_ready():
            workers.start_connecting()
            counts = self.counts
            progress.connecting(counts.known, self.total)
            if counts.known:
                workers.report_answered()
            else:
                waiting.check(time.monotonic(), counts.last_end, counts.last_end_of)
            await asyncio.sleep(POLL_S)
        for each in workers.silent_texts:
            progress.note(f"going on without {each}")
        progress.connecting(self.counts.known, self.total)
        if workers.missing and not stop.is_set():
            progress.note(f"{without_in_words(workers.missing)}{workers.counts.last_failure}")

    def _handle_deed(self, deed: Hit | Movement) -> None:
        """Handle what a fault, or a command, did to a worker's box."""
        if isinstance(deed, Hit):
            self._record(deed)
        elif self._options.on_movement is not None:
            at_s = deed.at_s - time.monotonic() + self.driver.now_s()
            self._options.on_movement(msgspec.structs.replace(deed, at_s=at_s))

    def away(self) -> str:
        """Return how many boxes are neither connected nor asleep, and why; "" for none."""
        if not self._workers:
            return self.here.away()
        counts = self.counts
        away = self.total - counts.reachable - counts.asleep
        if away <= 0:
            return ""
        silent_texts = "".join(f"; {each}" for each in self._workers.silent_texts)
        lost = "".join(f"; lost {each}" for each in self._workers.lost_texts)
        why = self._workers.counts.last_failure or self.here.health.last_failure()
        return f"{readable.boxes(away)} away{why}{silent_texts}{lost}"

    def start_load(self, load_starts_s: float, record: Callable[[Any], None]) -> ProcessRole:
        """Start the faults of workers; return which of the others act in this process.

        `record` takes what they hit.
        """
        self._record = record
        self._workers.start_load(load_starts_s - self.driver.now_s() + time.monotonic())
        return ProcessRole.AROUND if self._workers else ProcessRole.WHOLE

    async def close(self) -> None:
        """End the workers, then the boxes of this process: see `LiveFleet.close`."""
        leaving = Leaving(self._progress, self.counts.reachable)
        self.here.end_injections()
        try:
            await self._workers.shut_down(lambda: self._show(leaving))
        finally:
            if self._watch is not None:
                self._watch.cancel()
        await self.here.close(leaving)

    def _show(self, leaving: Leaving) -> None:
        if self._options.says_goodbye:
            leaving.show(self.counts.reachable)
