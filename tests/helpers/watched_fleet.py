"""A fleet, its customers and its monitors in virtual time, scraped as Prometheus would.

The cars, the broker model and the probes are the real ones, and so is each metric that is read:
what comes out is what a Prometheus would have stored after so many hours or days of a live fleet.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import msgspec

from fleet_sim.broker.model.broker import BrokerLimits
from fleet_sim.runs.injection import Injector, broker_settings
from fleet_sim.scenario.form import Scenario
from fleet_wire.arrivals import arrival_times
from fleet_wire.contract.attempt import Source
from fleet_wire.contract.platform_log import PlatformEvent, PlatformStep
from fleet_wire.contract.signing import DEMO_SECRET, vehicle_key
from fleet_wire.links.link import Disconnected, EndReason, Link, LinkHandler, Session
from fleet_wire.randomness import RandomStream
from platform_probe.cars.state import BoxPresence
from platform_probe.measure.connection import LINK_LIMITS
from platform_probe.measure.doors.mqtt import CommandMaker
from platform_probe.measure.probe import Probe
from platform_probe.outputs.logs import LineWriter, make_logger
from platform_probe.outputs.metrics import ProbeMetrics, new_registry
from platform_probe.outputs.sinks import FanOut
from platform_probe.settings.monitor import ProbeSettings
from tests.helpers.recorder import Recorder
from tests.helpers.scrapes import Scrapes
from tests.helpers.virtual_fleet import VirtualFleet

READY_S = 120.0
"""Until most boxes have connected, and before anything is watched or asked for."""
BLINK = Disconnected(EndReason.BROKER_CLOSED, detail="the link blinked")
GENERIC_SHARE = 0.005
"""Answers of a healthy platform that explain nothing: one in two hundred [E]. An error budget of
99.9 % leaves one in a thousand."""
ANSWERED_AT = ("/bookings", "/vehicles/{vehicle_id}/unlock", "/commands/{command_id}")
"""What an app asks for each unlock."""
LOCKED_UP_S = 60.0
"""A car is asked for again no sooner: one customer, one car."""


class Platform(Recorder):
    """The operator's own backend: sends customers' unlocks, signed, with no mark of a probe.

    Like the backend of an operator it knows who sleeps, and wakes that car by SMS first.
    """

    def __init__(self, fleet: WatchedFleet, *, seed: int, life_s: float) -> None:
        self._fleet = fleet
        self._stream = RandomStream.named(seed, "customers")
        self._answers = RandomStream.named(seed, "answers")
        self.generic_share = GENERIC_SHARE
        self._commands = CommandMaker(
            seed=seed,
            client_id="platform",
            key_of=partial(vehicle_key, DEMO_SECRET),
            ttl_s=life_s,
            clock=fleet.clock,
        )
        super().__init__(lambda me: fleet.broker.link(me, LINK_LIMITS), Session("platform"))
        self._asked_s: dict[str, float] = {}
        self.unlocks = 0

    def on_disconnected(self, reason: Disconnected) -> None:  # noqa: ARG002 - LinkHandler's form
        """Come back at once."""
        self._fleet.env.call_later(1.0, self.link.connect)

    def open(self, arrivals_s: Iterator[float]) -> None:
        """Connect, and let customers come at these simulated seconds, ascending."""
        self.link.connect()
        self._await(arrivals_s)

    def _await(self, arrivals_s: Iterator[float]) -> None:
        at_s = next(arrivals_s, None)
        if at_s is not None:
            delay_s = at_s - self._fleet.env.now
            self._fleet.env.call_later(delay_s, self._unlock_one, arrivals_s)

    def _unlock_one(self, arrivals_s: Iterator[float]) -> None:
        ids = self._fleet.vehicle_ids
        vehicle_id = ids[self._stream.index(len(ids))]
        now_s = self._fleet.env.now
        if now_s - self._asked_s.get(vehicle_id, -LOCKED_UP_S) >= LOCKED_UP_S:
            self._asked_s[vehicle_id] = now_s
            self._unlock(vehicle_id)
        self._await(arrivals_s)

    def _unlock(self, vehicle_id: str) -> None:
        self._answer()
        if not self.link.is_connected:
            return  # the app says so at once, and no command is sent
        outgoing = self._commands.unlock(
            vehicle_id, source=Source.CUSTOMER, intended_s=self._fleet.env.now
        )
        if self._fleet.presence_of(vehicle_id) is BoxPresence.ASLEEP:
            for topic, payload, _, _ in self._commands.wake_request(outgoing.start):
                self.link.publish(topic, payload)
        traceparent, _mark_of_a_probe = outgoing.properties.user_properties
        self.link.publish(
            outgoing.topic,
            outgoing.payload,
            properties=msgspec.structs.replace(outgoing.properties, user_properties=(traceparent,)),
        )
        self.unlocks += 1

    def _answer(self) -> None:
        """Answer what the app asks beside; its log comes to every monitor."""
        for endpoint in ANSWERED_AT:
            status = 500 if self._answers.uniform() < self.generic_share else 200
            event = PlatformEvent(
                PlatformStep.ANSWERED,
                self._fleet.clock.unix_s(),
                request_id="r",
                operation="any",
                endpoint=endpoint,
                status=status,
                app_version="7.3.0",
            )
            for monitor in self._fleet.monitors:
                monitor.take_answer(event)


class Monitor:
    """One probe that may be stopped and started again, as a process of its own would be."""

    def __init__(self, fleet: WatchedFleet, settings: ProbeSettings) -> None:
        self._fleet = fleet
        self._settings = settings
        self._metrics: ProbeMetrics | None = None
        self._link: Link | None = None
        self.probe: Probe | None = None

    @property
    def name(self) -> str:
        """Its client id, and the `instance` of its series."""
        return self._settings.client_id

    def start(self) -> None:
        """Start a new probe, which knows nothing of the one before."""
        metrics = self._metrics = ProbeMetrics(
            new_registry(), version="virtual", follows_platform=True
        )
        writer = LineWriter(lambda _line: None, on_error=lambda: None)
        probe = self.probe = Probe(
            self._settings,
            links=self._new_link,
            clock=self._fleet.clock,
            timers=self._fleet.env,
            sink=FanOut({"metrics": metrics}, on_error=_raise),
            metrics=metrics,
            logger=make_logger("error", writer, self._fleet.clock),
        )
        probe.on_defect(partial(_raise, "inbox"))
        probe.connection.connect()
        self._fleet.env.call_later(5.0, probe.begin_load)

    def stop(self) -> None:
        """End the process; what was in flight ends with it."""
        if self.probe is not None:
            self.probe.close()
        self.probe = self._metrics = self._link = None

    def blink(self) -> None:
        """Break its connection to the broker; it connects again by its own rule."""
        link, probe = self._link, self.probe
        if link is not None and probe is not None and link.is_connected:
            link.abort()
            probe.connection.on_disconnected(BLINK)

    def take_answer(self, event: PlatformEvent) -> None:
        """Count an answer of the platform, as the line of its log would be."""
        if self._metrics is not None and self._metrics.platform is not None:
            self._metrics.platform.count_answer(event)

    def scrape(self, scrapes: Scrapes) -> None:
        """Let Prometheus scrape it, or find that it is not there."""
        if self.probe is None or self._metrics is None:
            scrapes.missed(self.name)
            return
        self.probe.refresh_gauges()
        scrapes.take(self.name, self._metrics.registry)

    def _new_link(self, handler: LinkHandler) -> Link:
        self._link = self._fleet.broker.link(handler, LINK_LIMITS)
        return self._link


@dataclass(frozen=True, slots=True, kw_only=True)
class Synthetic:
    """What a monitor does of its own: unlocks a second, on cars of the fleet."""

    rate_per_s: float
    vehicles: tuple[str, ...]


class WatchedFleet(VirtualFleet):
    """The cars and faults of a scenario; its load are the customers.

    Windows of faults and stages of the load count from when the fleet is ready, `READY_S` after
    the start of virtual time; so does `now_s`. Scrapes begin then.
    """

    def __init__(self, scenario: Scenario, *, seed: int, scrape_s: float = 15.0) -> None:
        self._scenario = scenario
        self._specs = scenario.cars()
        queue = broker_settings(scenario).max_queued_messages or 0
        limits = BrokerLimits(max_inflight_messages=0, max_queued_messages=queue)
        super().__init__(self._specs, limits=limits, seed=seed)
        self.vehicle_ids = list(self.fleet.boxes)
        self.monitors: list[Monitor] = []
        self.scrapes = Scrapes(interval_s=scrape_s)
        self._seed = seed
        life_s = scenario.load.command_ttl_s or scenario.load.deadline_s
        self.platform = Platform(self, seed=seed, life_s=life_s)

    @property
    def now_s(self) -> float:
        """Seconds since the fleet was ready."""
        return self.env.now_s() - READY_S

    def add_monitor(self, name: str, synthetic: Synthetic | None = None) -> Monitor:
        """Return a new monitor, not started, with the scenario's deadline and shipped defaults."""
        load: dict[str, Any] = {"deadline_s": self._scenario.load.deadline_s}
        if synthetic is not None:
            stage = {"kind": "constant", "rate_per_s": synthetic.rate_per_s, "duration_s": 3600}
            load |= {"stages": [stage], "repeat": True, "vehicles": list(synthetic.vehicles)}
        settings = ProbeSettings.model_validate(
            {"client_id": name, "seed": len(self.monitors) + 1, "load": load}
        )
        monitor = Monitor(self, settings)
        self.monitors.append(monitor)
        return monitor

    def begin(self) -> None:
        """Let the boxes connect, the monitors start, the customers come and the faults strike."""
        self.fleet.start()
        self.env.run(until=READY_S - 10.0)
        for monitor in self.monitors:
            monitor.start()
        self.env.run(until=READY_S)
        stream = RandomStream.named(self._seed, "customers/arrivals")
        arrivals_s = arrival_times(self._scenario.load.stages, stream)
        self.platform.open(READY_S + at_s for at_s in arrivals_s)
        Injector(
            self._specs,
            self.fleet,
            load_starts_s=READY_S,
            record=lambda _truth: None,
        ).inject_all(self._scenario)

    def at(self, second_s: float, then: Any, *arguments: Any) -> None:
        """Do something at a second, counted as `now_s` is."""
        self.env.call_later(second_s - self.now_s, then, *arguments)

    def run(self, duration_s: float) -> None:
        """Let time pass, scraping every monitor at each interval."""
        scrapes = self.scrapes
        for _ in range(round(duration_s / scrapes.interval_s)):
            for monitor in self.monitors:
                monitor.scrape(scrapes)
            scrapes.next()
            self.env.run(until=self.env.now + scrapes.interval_s)

    def presence_of(self, vehicle_id: str) -> BoxPresence | None:
        """Return what the platform believes of a car: what one of the monitors knows."""
        known = (m.probe.evidence.state_of(vehicle_id).presence for m in self.monitors if m.probe)
        return next((presence for presence in known if presence is not None), None)


def _raise(_sink: str, error: Exception) -> None:
    raise error
