"""A few cars and a monitor on one broker, in virtual time or on a real one, under any profile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from fleet_sim.cars.parameters import NULL_BOX, BoxParameters
from fleet_sim.cars.spec import CarSpec, Traits
from fleet_sim.runs.live.fleet import FleetOptions, LiveFleet
from fleet_wire.clock import Clock
from fleet_wire.contract.attempt import Attempt, StrayAnswer
from fleet_wire.links.brokers import Brokers
from fleet_wire.links.lean.link import LeanLinkFactory
from fleet_wire.links.link import LinkFactory
from fleet_wire.profiles.profile import Profile
from fleet_wire.system_clock import SystemClock
from platform_probe.measure.connection import LINK_LIMITS
from platform_probe.measure.load.timers import LoopTimers, Timers
from platform_probe.measure.probe import Probe
from platform_probe.outputs.logs import LineWriter, make_logger
from platform_probe.outputs.metrics import ProbeMetrics, new_registry
from platform_probe.settings.monitor import ProbeSettings
from tests.helpers.brokers import running_mosquitto
from tests.helpers.records import ListSink
from tests.helpers.virtual_fleet import VirtualFleet
from tests.helpers.waiting import eventually

CARS = ("car-00001", "car-00002", "car-00003")
DEADLINE_S = 5.0
PATIENCE_S = 60.0
STEP_S = 0.05


def attempts_of(place: Place) -> list[Attempt]:
    """Return the unlocks that have ended."""
    return [record for record in place.records if isinstance(record, Attempt)]


def strays_of(place: Place) -> list[StrayAnswer]:
    """Return the answers outside of them."""
    return [record for record in place.records if isinstance(record, StrayAnswer)]


def specs_of(parameters: BoxParameters, profile: Profile) -> list[CarSpec]:
    """Return the cars, with the numbers of their profile."""
    numbers = {**parameters.model_dump(exclude_defaults=True), **profile.box_numbers}
    box = BoxParameters.model_validate(numbers)
    traits = Traits(group="city", firmware="2.4.1")
    return [CarSpec(vehicle_id, traits, box) for vehicle_id in CARS]


LOAD: Final = {
    "stages": [{"kind": "burst", "count": len(CARS), "duration_s": 1}],
    "vehicles": [*CARS],
    "start_delay_s": 0.2,
}
"""Each car is unlocked once."""


def _probe(
    profile: Profile,
    links: LinkFactory,
    clock: Clock,
    timers: Timers,
    sink: ListSink,
    *,
    only_watches: bool = False,
) -> Probe:
    load = {"deadline_s": DEADLINE_S, **({} if only_watches else LOAD)}
    settings = ProbeSettings.model_validate({"load": load})
    metrics = ProbeMetrics(new_registry(), version="test")
    writer = LineWriter(lambda _line: None, on_error=lambda: None)
    return Probe(
        settings,
        links=links,
        clock=clock,
        timers=timers,
        sink=sink,
        metrics=metrics,
        logger=make_logger("error", writer, clock),
        profile=profile,
    )


class VirtualPlace(VirtualFleet):
    """The broker model, as fast as it goes."""

    def __init__(
        self,
        profile: Profile,
        parameters: BoxParameters = NULL_BOX,
        *,
        only_watches: bool = False,
    ) -> None:
        super().__init__(specs_of(parameters, profile), profile=profile)
        self.fleet.start()
        sink = ListSink()
        self.records = sink.records
        links = self.links(LINK_LIMITS)
        self.probe = _probe(profile, links, self.clock, self.env, sink, only_watches=only_watches)

    async def until(self, predicate: Callable[[], object], message: str = "") -> None:
        """Step the environment until `predicate()` is true; fail when it takes too long."""
        ends_s = self.env.now + PATIENCE_S
        while not predicate():
            assert self.env.now < ends_s, message or "it does not come to pass"
            self.let_pass(STEP_S)


class LivePlace:
    """A real mosquitto, and links over sockets."""

    def __init__(
        self, profile: Profile, live: LiveFleet, probe: Probe, sink: ListSink, *, port: int
    ) -> None:
        self.profile = profile
        self.port = port
        self.probe = probe
        self.records = sink.records
        self.fleet = live.fleet

    async def until(self, predicate: Callable[[], object], message: str = "") -> None:
        """Wait."""
        await eventually(predicate, message=message)

    async def ready(self) -> None:
        """Connect the monitor, and wait for it and the boxes."""
        self.probe.connection.connect()
        counts = self.fleet.world.counts
        await self.until(lambda: counts.known == len(CARS), "the boxes are there")
        await self.until(lambda: self.probe.connection.is_connected, "the monitor is there")


Place = VirtualPlace | LivePlace


@asynccontextmanager
async def virtual_place(profile: Profile, _directory: Path) -> AsyncIterator[Place]:
    """Give cars and monitor on the broker model."""
    yield VirtualPlace(profile)


@asynccontextmanager
async def live_place(
    profile: Profile, _directory: Path, *, only_watches: bool = False, config: str = ""
) -> AsyncIterator[LivePlace]:
    """Give cars and monitor on a mosquitto of their own."""
    with running_mosquitto(config) as broker:
        address, version = broker.address, profile.traits.mqtt
        options = FleetOptions(
            brokers=Brokers((address,)), seed=1, profile=profile, with_null_box=False
        )
        live = LiveFleet(specs_of(NULL_BOX, profile), options, print)
        with live.driver.present():
            live.fleet.start()
        sink, timers = ListSink(), LoopTimers(asyncio.get_running_loop())
        links = LeanLinkFactory(address, protocol=version, limits=LINK_LIMITS)
        probe = _probe(profile, links, SystemClock(), timers, sink, only_watches=only_watches)
        try:
            yield LivePlace(profile, live, probe, sink, port=broker.port)
        finally:
            probe.close()
            timers.close()
            await live.close()


async def open_all(place: Place) -> Sequence[Attempt]:
    """Unlock every car once, lock it again, and return the unlocks."""
    world, probe = place.fleet.world, place.probe
    await place.until(lambda: world.counts.known == len(CARS), "the boxes are there")
    probe.connection.connect()
    await place.until(lambda: probe.connection.is_connected, "the monitor is there")
    probe.begin_load()
    await place.until(lambda: probe.is_done, "every unlock has ended, every car is locked")
    return attempts_of(place)
