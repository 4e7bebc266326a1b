"""The boxes of a run: those of this process, those of its workers, and how all of them do."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import msgspec

from fleet_sim.cars.box import Box
from fleet_sim.cars.movements import Movement
from fleet_sim.cars.spec import CarSpec
from fleet_sim.cars.world import FleetCounts
from fleet_sim.faults import Hit
from fleet_sim.results import readable
from fleet_sim.runs.injection import ProcessRole
from fleet_sim.runs.live.fleet import FleetOptions, LiveFleet
from fleet_sim.runs.live.health import Health
from fleet_sim.runs.live.waiting import Waiting, last_failure
from fleet_sim.runs.live.worker_messages import COUNTS_S
from fleet_sim.runs.live.workers import Workers
from fleet_sim.runs.progress import Progress

POLL_S = 0.02
SETTLE_S = 20.0
"""Seconds without any new box after which the run continues without those that are missing."""
SHOWN_AFTER_S = 2.0
"""Goodbyes that take less are not worth a line."""


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
        self.here = LiveFleet(specs, self._options, progress.note)
        self.driver = self.here.driver
        self.health = Health(progress.note)
        self.total = len(specs) + workers.boxes
        """How many boxes the scenario has."""
        self.connect_rate_per_s: float | None = None
        self._record: Callable[[Any], None] = lambda _hit: None
        self._watches: list[asyncio.Task[None]] = []

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
        return self.here.report().rss_bytes / self.total if self.total else None

    async def connect(self, stop: asyncio.Event) -> None:
        """Start every box and wait until the broker knows them all, or `stop` is set.

        Boxes that have not come when the others are long there are left to come by themselves.
        All processes wait for a broker together. Raises `BrokerUnreachableError` where it is away
        for `wait_s`, and `BrokerRefusedError` where it refuses all for good.
        """
        here, workers = self.here, self._workers
        workers.follow(self._handle_deed, self.health)
        here.health.states_elsewhere = workers.broker_states
        self._watches = [
            asyncio.ensure_future(self.health.watch_processes()),
            asyncio.ensure_future(here.health.watch_brokers()),
        ]
        with here.connecting():
            await self._wait_for_all(stop)
        if stop.is_set():
            return
        workers.check_one_is_left()
        for each in workers.silent_texts:
            self._progress.note(f"going on without {each}")
        if missing := self._missing:
            are, why = "is" if missing == 1 else "are", self._last_failure()
            named = self._first_names(missing, lambda box: not box.modem.connection.is_known)
            self._progress.note(
                f"going on without {readable.boxes(missing)} that {are} not there yet{named}{why}"
            )
        await here.health.settle()

    async def _wait_for_all(self, stop: asyncio.Event) -> None:
        """Wait for every box, and set the rate from the first to the last."""
        workers, options = self._workers, self._options
        waiting = Waiting(options.brokers, options.wait_s, self._progress)
        known, last_s = 0, time.monotonic()
        began_s = last_s
        while not stop.is_set() and self._missing:
            workers.start_connecting()
            await asyncio.sleep(POLL_S)
            now_s, counts = time.monotonic(), self.counts
            if counts.known > known:
                began_s = began_s if known else now_s - (COUNTS_S if workers else POLL_S)
                known, last_s = counts.known, now_s
                self._progress.connecting(known, self.total)
            elif not known:
                waiting.check(now_s, counts.last_end, counts.last_end_of)
            elif now_s - last_s >= SETTLE_S and not workers.are_starting:
                break
        if known:
            self.connect_rate_per_s = known / max(last_s - began_s, POLL_S)

    @property
    def _missing(self) -> int:
        """How many boxes have not been connected yet, but for those of lost processes."""
        return self._workers.missing + self.here.boxes - self.here.counts.known

    def _last_failure(self) -> str:
        return last_failure(self.counts, self._options.brokers)

    def _first_names(self, total: int, is_meant: Callable[[Box], bool]) -> str:
        """Return the first few of `total` boxes; "" where they may be another process's."""
        return "" if self._workers else f", {self.here.health.first_names(total, is_meant)}"

    def _handle_deed(self, deed: Hit | Movement) -> None:
        """Handle what a fault, or a command, did to a worker's box."""
        if isinstance(deed, Hit):
            self._record(deed)
        elif self._options.on_movement is not None:
            at_s = deed.at_s - self.driver.began_at
            self._options.on_movement(msgspec.structs.replace(deed, at_s=at_s))

    def away(self) -> str:
        """Return how many boxes are neither connected nor asleep, and why; "" for none."""
        counts = self.counts
        away = self.total - counts.reachable - counts.asleep
        if away <= 0:
            return ""
        named = self._first_names(
            away, lambda box: not (box.modem.connection.is_reachable or box.is_asleep)
        )
        silent = "".join(f"; {each}" for each in self._workers.silent_texts)
        lost = "".join(f"; lost {each}" for each in self._workers.lost_texts)
        return f"{away} away{named}{self._last_failure()}{silent}{lost}"

    def start_load(self, load_starts_s: float, record: Callable[[Any], None]) -> ProcessRole:
        """Start the faults of workers; return which of the others act in this process.

        `record` takes what they hit.
        """
        self._record = record
        self._workers.start_load(self.driver.began_at + load_starts_s)
        return ProcessRole.AROUND if self._workers else ProcessRole.WHOLE

    async def close(self) -> None:
        """End the workers and the boxes of this process: see `LiveFleet.close`.

        It shows how many have not left their broker yet, if they need long.
        """
        boxes, since_s = self.counts.reachable, time.monotonic()

        def show() -> None:
            is_long = time.monotonic() - since_s >= SHOWN_AFTER_S
            if boxes and is_long and self._options.says_goodbye:
                self._progress.leaving(boxes - self.counts.reachable, boxes)

        try:
            await asyncio.gather(self._workers.shut_down(show), self.here.close(show))
        finally:
            for watch in self._watches:
                watch.cancel()
