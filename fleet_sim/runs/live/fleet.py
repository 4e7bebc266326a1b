"""A fleet on a real broker: the boxes of one process, stepped by asyncio."""

from __future__ import annotations

import asyncio
import gc
import ssl
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import msgspec

from fleet_sim.cars.disturbance import BOX_LINK_LIMITS
from fleet_sim.cars.fleet import Fleet
from fleet_sim.cars.modem import Modem
from fleet_sim.cars.movements import Movement, OnMovement
from fleet_sim.cars.spec import NULL_CAR, CarSpec
from fleet_sim.cars.world import FleetCounts, World
from fleet_sim.results import readable
from fleet_sim.runs.injection import (
    CARS_ALONE,
    FaultTargets,
    Injector,
    ProcessRole,
    end_injections,
    inject_all,
    silent,
)
from fleet_sim.runs.live.broker_control import MosquittoControl
from fleet_sim.runs.live.credentials import BoxCredentials
from fleet_sim.runs.live.driver import LiveDriver
from fleet_sim.runs.live.health import BoxesAtBrokers, FleetHealth, without_in_words
from fleet_sim.runs.live.shards import ShardCallbacks, Shards
from fleet_sim.runs.live.waiting import Waiting
from fleet_sim.runs.live.wall_clock import WallClockFollower
from fleet_sim.runs.memory import rss_bytes
from fleet_sim.runs.progress import Progress
from fleet_sim.scenario.loading import Scenario
from fleet_wire.contract.signing import DEMO_SECRET
from fleet_wire.links.brokers import Brokers
from fleet_wire.links.connecting import IdentityOf
from fleet_wire.links.factory import link_factory
from fleet_wire.links.link import LinkFactory, LinkHandler, LinkLimits
from fleet_wire.links.several import spread_links
from fleet_wire.profiles.native import NATIVE
from fleet_wire.profiles.profile import Profile, vehicle_of_topic

POLL_S = 0.02
GOODBYE_S = 0.1
"""For the last goodbyes to leave."""
GOODBYES_AT_ONCE = 200
"""They take some 20 ms; then others have their turn."""
SHOWN_AFTER_S = 2.0
"""Goodbyes that take less are not worth a line."""
SETTLE_S = 20.0
"""Seconds without any new box after which the run continues without those that are missing."""
LOOK_S = 0.5
"""How often it is looked which brokers are away."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetOptions:
    """The needs of a fleet on a real broker besides its cars."""

    brokers: Brokers
    seed: int
    fleet_secret: str = DEMO_SECRET
    profile: Profile = NATIVE
    tls: ssl.SSLContext | None = None
    box_credentials: BoxCredentials | None = None
    """None: all are the user in `brokers`."""
    broker_control: MosquittoControl | None = None
    """The control that refuses boxes, if the broker is ours."""
    on_bad_certificate: Callable[[bool], None] | None = None
    """See `World`, where the broker is ours."""
    quick_ack: bool = False
    """For brokers that do not set TCP_NODELAY (iotcore)."""
    wait_s: float = 60.0
    """How long to wait for a broker that is not there."""
    with_null_box: bool = True
    """Whether a box that takes no time stands beside the fleet, to measure the stack's floor."""
    name: str = "sms-centre"
    """MQTT client id of this process's SMS centre."""
    on_movement: OnMovement | None = None
    """Told of every movement of a lock."""
    says_goodbye: bool = True
    """Whether boxes take leave of the broker at the end. It is false if the broker ends with the
    boxes: it would handle the sessions of a million boxes for minutes, unheard."""
    is_watched: bool = False
    """Whether another process, which drives this one, wants to be told of them."""


class LiveFleet:
    """Boxes of this process, and of its `shards` where there are others.

    Make it where the event loop runs. With shards, `specs` are the cars that customers may rent:
    these open doors by hand, so the boxes are in this process. Callbacks get the same events of all
    boxes, up to half a second late for those of other processes.
    """

    def __init__(
        self, specs: Sequence[CarSpec], options: FleetOptions, shards: Shards | None = None
    ) -> None:
        self._options = options
        self._shards = shards
        self._record: Callable[[Any], None] = lambda _hit: None
        self._configured = len(specs)
        self._rss_before = rss_bytes()
        self.driver = LiveDriver(asyncio.get_running_loop())
        brokers = len(options.brokers.addresses)
        self._at_brokers = BoxesAtBrokers(brokers) if brokers > 1 else None
        world = World(
            env=self.driver,
            seed=options.seed,
            fleet_secret=options.fleet_secret,
            epoch_unix_s=time.time() - self.driver.now_s(),
            link_factory=self.links(BOX_LINK_LIMITS, identity_of=_identity_of(options)),
            profile=options.profile,
            defects=self.driver.defects,
            on_movement=options.on_movement,
            on_bad_certificate=options.on_bad_certificate,
            on_no_connection=None if self._at_brokers is None else self._at_brokers.record_failure,
        )
        beside = [NULL_CAR] if options.with_null_box and shards is None else []
        self.fleet = Fleet(world, specs, sms_centre=options.name, beside=beside)
        if self._at_brokers is not None:
            self._at_brokers.add(self.fleet.boxes[spec.vehicle_id] for spec in specs)
        self.connect_rate_per_s: float | None = None
        self._progress: Progress | None = None
        self._leaving_since_s: float | None = None
        self._leaving = 0
        """How many boxes there were when they began to leave."""
        self.health = FleetHealth(self.fleet, options.brokers, self._note)
        self._wall_clock: WallClockFollower | None = None
        self._watch: asyncio.Task[None] | None = None
        self.answered: asyncio.Event | None = None
        """The event that one box is connected somewhere, in one process of several. The parent sets
        it; it waits for all processes together, and reports on boxes and brokers."""
        self.missing = 0
        """How many boxes were not there yet when `connect` returned."""

    def links(
        self,
        limits: LinkLimits,
        *,
        identity_of: IdentityOf | None = None,
        brokers: Brokers | None = None,
    ) -> LinkFactory:
        """Return what makes links of this process to the brokers, which enter the present.

        `brokers` are their addresses for who is another user than the boxes.
        """
        options, present = self._options, self.driver.present()
        # The number at a time does not grow with brokers: each has 10 s for its handshake.
        share = max(limits.max_connecting // len(options.brokers.addresses), 1)
        limits = replace(limits, max_connecting=share)
        return spread_links(
            brokers or options.brokers,
            partial(
                link_factory,
                protocol=options.profile.traits.mqtt,
                tls=options.tls,
                limits=limits,
                quick_ack=options.quick_ack,
                within=present,
                identity_of=identity_of,
            ),
            vehicle_of=partial(vehicle_of_topic, options.profile),
            car_of=_car_of,
            within=present,
        )

    def _note(self, text: str) -> None:
        if self._progress is not None:
            self._progress.note(text)

    @property
    def counts(self) -> FleetCounts:
        """The counts of the scenario's boxes; `reachable_max` is that of each process, added."""
        if self._shards is None:
            return self.own_counts
        counts = self._shards.counts
        counts.add(self.own_counts, are_there=True)
        return counts

    @property
    def own_counts(self) -> FleetCounts:
        """The counts of this process's boxes."""
        return self.fleet.world.counts

    @property
    def total(self) -> int:
        """How many boxes the scenario has."""
        return self._configured + (0 if self._shards is None else self._shards.boxes)

    @property
    def defects(self) -> tuple[int, str | None]:
        """How many defects the model has shown anywhere, and one of the first."""
        here = self.driver.defects
        there, first_there = (0, None) if self._shards is None else self._shards.defects
        return here.count + there, here.first or first_there

    @property
    def rss_bytes_per_box(self) -> float | None:
        """Memory that the processes of boxes have taken since before they had them, a box."""
        if self._shards is not None:
            return self._shards.rss_bytes / self._shards.boxes
        boxes = len(self.fleet.boxes)
        return (rss_bytes() - self._rss_before) / boxes if boxes else None

    async def connect(self, progress: Progress, stop: asyncio.Event) -> None:
        """Start every box and wait until the broker knows them all, or `stop` is set.

        Boxes that have not come when the others are long there are left to come by themselves.
        Processes wait for a broker together, `wait_s` in all. Raises `BrokerUnreachableError` where
        the broker is away for `wait_s`, and `BrokerRefusedError` where it refuses all for good.
        """
        self._progress = progress
        began_s, shards = time.monotonic(), self._shards
        if shards is not None:
            shards.follow(
                ShardCallbacks(
                    hit=self._hit,
                    movement=self._forward_movement,
                    note=progress.note,
                )
            )
        self.follow_wall_clock(progress.note)
        if self._at_brokers is not None and self.answered is None:
            self._watch = asyncio.ensure_future(self._look_at_brokers())
        if self._configured or shards is None:
            await self._connect_own(progress, stop)
        if shards is not None:
            await self._connect_others(shards, progress, stop)
            self.connect_rate_per_s = self.counts.known / max(time.monotonic() - began_s, POLL_S)

    async def _connect_others(
        self, shards: Shards, progress: Progress, stop: asyncio.Event
    ) -> None:
        """Wait until the boxes of all other processes are connected, as far as they will be."""
        waiting = Waiting(self._options.brokers, self._options.wait_s, progress)
        while not stop.is_set() and not shards.all_are_ready():
            shards.start_connecting()
            known = self.counts.known
            progress.connecting(known, self.total)
            if known:
                shards.report_answered()
            else:
                waiting.check(time.monotonic(), *shards.last_end)
            await asyncio.sleep(POLL_S)
        for each in shards.silent_texts:
            progress.note(f"going on without {each}")
        progress.connecting(self.counts.known, self.total)
        if shards.missing and not stop.is_set():
            progress.note(f"{without_in_words(shards.missing)}{shards.last_failure}")

    def _hit(self, hit: msgspec.Struct) -> None:
        self._record(hit)

    def _forward_movement(self, movement: Movement) -> None:
        if self._options.on_movement is not None:
            at_s = movement.at_s - time.monotonic() + self.driver.now_s()
            self._options.on_movement(msgspec.structs.replace(movement, at_s=at_s))

    async def _connect_own(self, progress: Progress, stop: asyncio.Event) -> None:
        # Cars live as long as the run: looking through them for garbage would only cost pauses.
        # Connecting leaves none that refers to itself.
        gc.collect()
        gc.disable()
        try:
            with self.driver.present():
                self.fleet.start()
            first_s, last_s = await self._wait_for_all(progress, stop)
        finally:
            gc.freeze()
            gc.enable()
        self.missing = self._configured - self.own_counts.known
        if not stop.is_set():
            if self.missing and self.answered is None:
                progress.note(self.health.going_on_without(self.missing))
            await self.health.settle()
        if self.own_counts.known:
            self.connect_rate_per_s = self.own_counts.known / max(last_s - first_s, POLL_S)

    def follow_wall_clock(self, note: Callable[[str], None]) -> None:
        """Make the boxes follow the machine's clock until `close`; `note` reports each step."""
        self._wall_clock = WallClockFollower(self.fleet.world, self.driver, note)
        self._wall_clock.start()

    async def _look_at_brokers(self) -> None:
        """Report which of several brokers are away, until it is cancelled."""
        while True:
            await asyncio.sleep(LOOK_S)
            if self.counts.known:  # else `Waiting` says it
                self.health.report_brokers(self.broker_states(), time.monotonic())

    def broker_states(self) -> dict[int, str]:
        """Return how it is with each of several brokers: see `BrokerStates`."""
        if self._at_brokers is None:
            return {}
        states = self._at_brokers.states(self.health.why)
        return states if self._shards is None else self._shards.merged_broker_states(states)

    async def _wait_for_all(self, progress: Progress, stop: asyncio.Event) -> tuple[float, float]:
        """Wait for every box; return when the first was there (or we began), and the last."""
        options = self._options
        waiting = Waiting(options.brokers, options.wait_s, progress)
        known, first_s, last_s = 0, None, time.monotonic()
        while known < self._configured and not stop.is_set():
            await asyncio.sleep(POLL_S)
            now_s = time.monotonic()
            if self.own_counts.known > known:
                known, last_s = self.own_counts.known, now_s
                first_s = first_s or now_s - POLL_S
                progress.connecting(self.counts.known, self.total)
            elif not known and self.answered is None:
                waiting.check(now_s, self.own_counts.last_end, self.own_counts.last_end_of)
            elif not known and self.answered is not None and not self.answered.is_set():
                last_s = now_s
            elif now_s - last_s >= SETTLE_S:
                break
        return first_s or last_s, last_s

    def away(self) -> str:
        """Return how many boxes are neither connected nor asleep, and why; "" for none."""
        if self._shards is None:
            return self.health.away(self._configured)
        counts = self.counts
        away = self.total - counts.reachable - counts.asleep
        if away <= 0:
            return ""
        silent = "".join(f"; {each}" for each in self._shards.silent_texts)
        lost = "".join(f"; lost {each}" for each in self._shards.lost_texts)
        why = self._shards.last_failure or self.health.last_failure()
        return f"{readable.boxes(away)} away{why}{silent}{lost}"

    def sample(self, load_starts_s: float) -> dict[str, Any]:
        """Return a line of `fleet_samples.jsonl`; times count from the start of the load."""
        return {
            "t_s": round(self.driver.now_s() - load_starts_s, 3),
            "connected": self.counts.reachable,
            "asleep": self.counts.asleep,
            "rss_bytes": rss_bytes(),
        }

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
        if self._shards is not None:
            self._record = record
            self._shards.start_load(load_starts_s - self.driver.now_s() + time.monotonic())
        with self.driver.present():
            return inject_all(
                scenario,
                specs,
                self.fleet,
                load_starts_s=load_starts_s,
                record=record,
                say=say,
                around=around,
                part=ProcessRole.WHOLE if self._shards is None else ProcessRole.AROUND,
            )

    def end_injections(self) -> None:
        """Record what faults are still at work on."""
        with self.driver.present():
            end_injections(self.fleet)

    def begin_leaving(self) -> int:
        """Note how many boxes are connected, and can say goodbye; return that."""
        self._leaving = max(self._leaving, self.counts.reachable)
        return self._leaving

    async def close(self) -> None:
        """Record what faults are still at work on, let time stand still, and leave the broker.

        Every box says `shutdown` then, if somebody may hear it: see `FleetOptions.says_goodbye`.
        """
        if self._watch is not None:
            self._watch.cancel()
        self.end_injections()
        if self._shards is not None:
            self.begin_leaving()
            await self._shards.shut_down(lambda: self._show_leaving(self.counts.reachable))
        if self._wall_clock is not None:
            self._wall_clock.stop()
        self.driver.stop()
        if self._options.says_goodbye:
            await self._say_goodbye()

    async def _say_goodbye(self) -> None:
        self.begin_leaving()
        boxes = [*self.fleet.boxes.values()]
        for first in range(0, len(boxes), GOODBYES_AT_ONCE):
            with self.driver.present():
                for box in boxes[first : first + GOODBYES_AT_ONCE]:
                    try:
                        box.modem.shut_down()
                    except Exception as error:  # noqa: BLE001 - a defect keeps none of the others back
                        self.driver.defects.note(error)
            self._show_leaving(self.own_counts.reachable)
            await asyncio.sleep(0)
        with self.driver.present():
            self.fleet.sms_centre.client.link.disconnect()
        await asyncio.sleep(GOODBYE_S)

    def _show_leaving(self, left: int) -> None:
        """Show how many boxes have not left their broker yet, where they take their time."""
        if self._progress is None or not self._leaving or not self._options.says_goodbye:
            return
        now_s = time.monotonic()
        if self._leaving_since_s is None:
            self._leaving_since_s = now_s
        if now_s - self._leaving_since_s >= SHOWN_AFTER_S:
            self._progress.leaving(self._leaving - left, self._leaving)


def _car_of(handler: LinkHandler) -> str | None:
    """Return whose link it is, where it is a car's."""
    return handler.vehicle_id if isinstance(handler, Modem) else None


def _identity_of(options: FleetOptions) -> IdentityOf | None:
    """Return what says who each box is, where that is not for the broker's address to say."""
    if options.box_credentials is not None:
        return options.box_credentials.identity_of
    return None if options.broker_control is None else options.broker_control.identity_of
