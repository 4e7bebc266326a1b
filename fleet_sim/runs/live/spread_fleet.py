"""A fleet on real brokers whose boxes are played by several processes, seen as one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from time import monotonic
from typing import Any

import msgspec

from fleet_sim.cars.movements import Movement
from fleet_sim.cars.spec import CarSpec
from fleet_sim.cars.world import FleetCounts
from fleet_sim.results import readable
from fleet_sim.runs.injection import (
    CARS_ALONE,
    FaultTargets,
    Injector,
    ProcessRole,
    inject_all,
    silent,
)
from fleet_sim.runs.live.fleet import POLL_S, FleetOptions, LiveFleet, without_in_words
from fleet_sim.runs.live.health import merge_states
from fleet_sim.runs.live.shards import ShardCallbacks, Shards
from fleet_sim.runs.live.waiting import Waiting
from fleet_sim.runs.progress import Progress
from fleet_sim.scenario.loading import Scenario


class SpreadFleet(LiveFleet):
    """A `LiveFleet` of all processes. Platform and customers of a run are in this one.

    `specs` are the cars that customers may rent: these open doors by hand, so the boxes are in this
    process. Callbacks get the same events of all boxes, up to half a second late for those of other
    processes.
    """

    def __init__(self, shards: Shards, specs: Sequence[CarSpec], options: FleetOptions) -> None:
        super().__init__(specs, replace(options, with_null_box=False))
        self._shards = shards
        self._on_movement = options.on_movement
        self._record: Callable[[Any], None] = lambda _hit: None

    @property
    def counts(self) -> FleetCounts:
        """The counts of the boxes of all processes; `reachable_max` is that of each, added."""
        counts = self._shards.counts
        counts.add(self.own_counts, are_there=True)
        return counts

    @property
    def total(self) -> int:
        """How many boxes the scenario has."""
        return self._shards.boxes + self._configured

    @property
    def defects(self) -> tuple[int, str | None]:
        """How many defects the model has shown anywhere, and one of the first."""
        here, first = super().defects
        there, first_there = self._shards.defects
        return here + there, first or first_there

    @property
    def rss_bytes_per_box(self) -> float | None:
        """Memory that the processes have taken since before they had boxes, a box."""
        return self._shards.rss_bytes / self._shards.boxes

    async def connect(self, progress: Progress, stop: asyncio.Event) -> None:
        """Wait until the brokers know the boxes of every process, or `stop` is set.

        They wait for a broker together, `wait_s` in all. Raises `BrokerUnreachableError` where none
        has let a box in by then, `BrokerRefusedError` where one refuses them for good.
        """
        options = self._options
        self._progress = progress
        self._shards.follow(
            ShardCallbacks(hit=self._hit, movement=self._forward_movement, note=progress.note)
        )
        began_s = monotonic()
        if self._configured:
            await super().connect(progress, stop)
        else:
            self.follow_wall_clock(progress.note)
            self._report_health(progress.note)
        waiting = Waiting(options.brokers, options.wait_s, progress)
        while not stop.is_set() and not self._shards.all_are_ready():
            self._shards.start_connecting()
            counts = self.counts
            progress.connecting(counts.known, self.total)
            if counts.known:
                self._shards.report_answered()
            else:
                waiting.check(monotonic(), *self._shards.last_end)
            await asyncio.sleep(POLL_S)
        for each in self._shards.silent_texts:
            progress.note(f"going on without {each}")
        progress.connecting(self.counts.known, self.total)
        missing = self._shards.missing
        if missing and not stop.is_set():
            progress.note(f"{without_in_words(missing)}{self._shards.last_failure}")
        self.connect_rate_per_s = self.counts.known / max(monotonic() - began_s, POLL_S)

    def inject(
        self,
        scenario: Scenario,
        specs: Sequence[CarSpec],
        *,
        load_starts_s: float,
        record: Callable[[Any], None],
        say: Callable[[str], None] = silent,
        around: FaultTargets = CARS_ALONE,
    ) -> Injector:
        """Schedule the faults: on boxes where these are, on platform and customers here."""
        self._record = record
        self._shards.start_load(load_starts_s - self.driver.now_s() + monotonic())
        with self.driver.present():
            return inject_all(
                scenario,
                specs,
                self.fleet,
                load_starts_s=load_starts_s,
                record=record,
                say=say,
                around=around,
                part=ProcessRole.AROUND,
            )

    async def close(self) -> None:
        """End the boxes of every process, as `LiveFleet.close` does."""
        self.stop_watching()
        self.end_injections()
        self.begin_leaving()
        await self._shards.shut_down(lambda: self.show_leaving(self.counts.reachable))
        await super().close()

    def broker_states(self) -> dict[int, str]:
        """Return how it is with each of several brokers, as all processes see it."""
        return merge_states((super().broker_states(), self._shards.broker_states()))

    def away(self) -> str:
        """Return how many boxes are neither connected nor asleep, and why; "" for none."""
        counts = self.counts
        away = self.total - counts.reachable - counts.asleep
        if away <= 0:
            return ""
        silent = "".join(f"; {each}" for each in self._shards.silent_texts)
        lost = "".join(f"; lost {each}" for each in self._shards.lost_texts)
        why = self._shards.last_failure or self.last_failure()
        return f"{readable.boxes(away)} away{why}{silent}{lost}"

    def _hit(self, hit: msgspec.Struct) -> None:
        self._record(hit)

    def _forward_movement(self, movement: Movement) -> None:
        if self._on_movement is not None:
            at_s = movement.at_s - monotonic() + self.driver.now_s()
            self._on_movement(msgspec.structs.replace(movement, at_s=at_s))
