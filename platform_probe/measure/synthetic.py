"""Synthetic unlocks: when which car is opened, what is sent for it, and that it is locked again.

The probe gives it a link, and passes each record to it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any

from fleet_wire.clock import Clock
from fleet_wire.contract.attempt import Flag, Record, Source
from fleet_wire.contract.causes import Cause
from fleet_wire.contract.messages import Action
from fleet_wire.contract.signing import vehicle_key
from fleet_wire.doors.form import load_door
from fleet_wire.errors import (
    BrokerUnreachableError,
    ConfigError,
    LocalProtocolError,
    UnlockpathError,
)
from fleet_wire.links.link import Link, OnAck
from fleet_wire.profiles.native import NATIVE
from fleet_wire.profiles.profile import Profile
from platform_probe.cars.state import BoxPresence
from platform_probe.measure.attempts.tracker import AttemptTracker
from platform_probe.measure.doors.mqtt import CommandMaker, OutgoingCommand
from platform_probe.measure.doors.relocks import Relocks
from platform_probe.measure.load.booked import BookedCars
from platform_probe.measure.load.driver import Lags, LoadDriver
from platform_probe.measure.load.plan import LoadPlan, PlannedStart, TurnPlan
from platform_probe.measure.load.timers import Timers
from platform_probe.outputs.logs import Complaints, Logger
from platform_probe.outputs.metrics import BatteryUse, ProbeMetrics, WithheldReason
from platform_probe.settings.car_files import read_keys
from platform_probe.settings.load import FloorSettings, LoadSettings
from platform_probe.settings.monitor import ProbeSettings

if TYPE_CHECKING:
    from platform_probe.measure.doors.http import HttpDoor


class SyntheticUnlocks:
    """The unlocks of the load and of the null box.

    `link` returns the connected link, or raises `BrokerUnreachableError`.
    """

    def __init__(
        self,
        settings: ProbeSettings,
        *,
        tracker: AttemptTracker,
        link: Callable[[], Link],
        clock: Clock,
        timers: Timers,
        metrics: ProbeMetrics,
        logger: Logger,
        profile: Profile = NATIVE,
    ) -> None:
        """Read the files of cars. Raises `ConfigError` where one cannot be used."""
        self._load = settings.tracking
        self.on_sent: Callable[[str, str, Action], None] | None = None
        """Takes each command that was published: its car, its id, and what it asks."""
        self._tracker = tracker
        self._link = link
        self._clock = clock
        self._metrics = metrics
        self._commands = CommandMaker(
            seed=settings.seed,
            client_id=settings.client_id,
            key_of=_key_of(settings),
            ttl_s=self._load.command_life_s,
            clock=clock,
            profile=profile,
        )
        complain = Complaints(logger, clock).complain
        self._booked = BookedCars(
            self._load.booked_file, lambda why: complain("no_car_is_touched", "booked", why=why)
        )
        self._relocks = Relocks(
            lock=self._lock,
            why_not=self._booked.why_not,
            tracker=tracker,
            clock=clock,
            timers=timers,
            patience_s=self._load.deadline_s,
            metrics=metrics,
            logger=logger,
        )
        self._door = self._http_door(settings)
        self._plan = _plan_of(self._load, settings.seed)
        driver = partial(LoadDriver, clock=clock, timers=timers)
        self._load_driver = driver(iter(self._plan), start=self._start_planned)
        self._floor_driver = driver(_floor_plan(settings.floor), start=self._start_floor)
        self._lags = Lags()
        self._dropped = 0
        self._withheld = 0
        """Starts that were left out for their car's sake."""

    @property
    def cars(self) -> Sequence[str]:
        """The cars that are unlocked."""
        return self._plan.vehicles

    def start_load(self) -> None:
        """Start the load, after its delay, and the loopback box now."""
        now_s = self._clock.monotonic_s()
        self._tracker.load_began_s = now_s + self._load.start_delay_s
        self._load_driver.start_plan(self._tracker.load_began_s)
        self._floor_driver.start_plan(now_s)

    def stop(self) -> None:
        """Start nothing more. Cars are still locked again."""
        self._load_driver.stop()
        self._floor_driver.stop()

    def close(self) -> None:
        """Give up on cars that are not locked yet, and name them."""
        self._relocks.close()

    @property
    def is_idle(self) -> bool:
        """Whether every car is locked again, as far as it can be."""
        return not self._relocks

    @property
    def is_done(self) -> bool:
        """Whether there is nothing more to start or to lock."""
        return self._load_driver.is_done and self.is_idle

    async def closed(self) -> None:
        """Wait until the connections with the API are closed."""
        if self._door is not None:
            await self._door.close()

    def handle_record(self, record: Record) -> None:
        """Handle the record of any unlock."""
        self._relocks.handle_record(record)

    def stats(self) -> dict[str, Any]:
        """Return what `probe_stats.json` says of the load."""
        return {
            "schedule_lag_s": self._lags.summary(),
            "dropped": self._dropped,
            "withheld": self._withheld,
            "plan_digest": self._plan.digest(),
        }

    # Within

    def _start_planned(self, planned: PlannedStart, intended_s: float) -> None:
        lag_s = max(self._clock.monotonic_s() - intended_s, 0.0)
        self._lags.add(lag_s)
        self._metrics.start_lag.observe(lag_s)
        is_over = lag_s >= self._load.deadline_s  # whoever asked has gone: nobody waits for the car
        if is_over or len(self._tracker) >= self._load.max_in_flight:
            self._dropped += 1
            self._metrics.dropped_starts.inc()
            return
        if planned.vehicle_id in self._relocks:
            self._withhold(WithheldReason.RELOCKING)
        elif self._booked.why_not(planned.vehicle_id):
            self._withhold(WithheldReason.BOOKED)
        elif self._door is not None:
            self._door.unlock(planned.vehicle_id, intended_s=intended_s)
            self._count_command()
        else:
            self._unlock(planned.vehicle_id, Source.PROBE, intended_s)

    def _withhold(self, why: WithheldReason) -> None:
        self._withheld += 1
        self._metrics.withheld_starts[why].inc()

    def _start_floor(self, planned: PlannedStart, _: float) -> None:
        # The floor is what the stack takes: how late we start it is measured by the load.
        self._unlock(planned.vehicle_id, Source.FLOOR, self._clock.monotonic_s())

    def _unlock(self, vehicle_id: str, source: Source, intended_s: float) -> None:
        outgoing = self._commands.unlock(vehicle_id, source=source, intended_s=intended_s)
        attempt = self._tracker.start(outgoing.start)
        command_id = outgoing.start.command_id
        try:
            acknowledged = partial(self._tracker.acknowledged, command_id)
            if self._send(outgoing, Action.UNLOCK, acknowledged):
                attempt.flag(Flag.WOKEN)
        except BrokerUnreachableError as error:
            self._tracker.fail(command_id, Cause.BROKER_UNREACHABLE, str(error))
        except LocalProtocolError as error:
            self._tracker.fail(command_id, Cause.NOT_PUBLISHED, str(error))
        else:
            self._tracker.published(command_id)

    def _send(self, outgoing: OutgoingCommand, action: Action, on_ack: OnAck | None = None) -> bool:
        """Publish a command, and return whether a wake request went before it.

        Raises `BrokerUnreachableError`, and `LocalProtocolError` where the link's queue is full.
        """
        link = self._link()
        vehicle_id = outgoing.start.vehicle_id
        is_asleep = self._tracker.evidence.state_of(vehicle_id).presence is BoxPresence.ASLEEP
        wakes = self._commands.wake_request(outgoing.start) if is_asleep and self._load.wake else ()
        for topic, payload, qos, retain in wakes:
            link.publish(topic, payload, qos=qos, retain=retain)
            self._metrics.battery[BatteryUse.WAKE].inc(self._load.wake_ah)
        link.publish(
            outgoing.topic,
            outgoing.payload,
            qos=outgoing.qos,
            retain=outgoing.retain,
            properties=outgoing.properties,
            on_ack=on_ack,
        )
        self._count_command(outgoing.start.source)
        if self.on_sent is not None:
            self.on_sent(vehicle_id, outgoing.start.command_id, action)
        return bool(wakes)

    def _count_command(self, source: Source = Source.PROBE) -> None:
        """Count the charge of one command; the loopback box has no battery."""
        if source is Source.PROBE:
            self._metrics.battery[BatteryUse.COMMAND].inc(self._load.command_ah)

    def _http_door(self, settings: ProbeSettings) -> HttpDoor | None:
        """Return the door to the API, where unlocks go through one. Raises `ConfigError`."""
        load = self._load
        if load.door_file is None:
            return None
        door = load_door(load.door_file)
        if load.unlocks and load.relock and door.form.lock is None:
            raise ConfigError(
                [f"{load.door_file}: lock: missing, and load.relock wants each car locked again"]
            )
        from platform_probe.measure.doors.http import HttpDoor  # noqa: PLC0415 - without one no aiohttp

        return HttpDoor(
            door,
            tracker=self._tracker,
            clock=self._clock,
            seed=settings.seed,
            deadline_s=load.deadline_s,
            locked=self._relocks.handle_api_answer,
        )

    def _lock(self, vehicle_id: str) -> tuple[str, str | None]:
        """Send a lock; return its id, and why it was not sent.

        An API's lock has no command id yet, and its result follows later.
        """
        if self._door is not None:
            self._door.lock(vehicle_id)
            self._count_command()
            return "", None
        outgoing = self._commands.lock(vehicle_id)
        self._tracker.pass_over(outgoing.start.command_id)
        try:
            self._send(outgoing, Action.LOCK)
        except UnlockpathError as error:
            return outgoing.start.command_id, str(error)
        return outgoing.start.command_id, None


def _key_of(settings: ProbeSettings) -> Callable[[str], bytes]:
    """Return what gives a car's signing key. Raises `ConfigError` where one has none."""
    if settings.vehicle_keys is None:
        return partial(vehicle_key, settings.fleet_secret.get_secret_value())
    return read_keys(settings.vehicle_keys, settings.cars_to_unlock()).__getitem__


def _plan_of(load: LoadSettings, seed: int) -> LoadPlan | TurnPlan:
    vehicles = load.vehicle_ids() if load.unlocks else ()
    if load.every_s is not None:
        return TurnPlan(vehicles=vehicles, every_s=load.every_s, seed=seed)
    return LoadPlan(
        stages=tuple(load.stages),
        vehicles=vehicles,
        seed=seed,
        deadline_s=load.deadline_s,
        double_taps=load.double_taps,
        repeat=load.repeat,
    )


def _floor_plan(floor: FloorSettings | None) -> Iterator[PlannedStart]:
    """Yield unlocks of the null box at a constant rate, for ever."""
    if floor is not None:
        for number in count():
            yield PlannedStart(number / floor.rate_per_s, floor.vehicle_id)
