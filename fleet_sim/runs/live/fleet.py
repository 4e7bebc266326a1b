"""A fleet on a real broker: the boxes of one process, stepped by asyncio."""

from __future__ import annotations

import asyncio
import gc
import ssl
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from fleet_sim.cars.disturbance import BOX_LINK_LIMITS
from fleet_sim.cars.fleet import Fleet
from fleet_sim.cars.modem import Modem
from fleet_sim.cars.movements import OnMovement
from fleet_sim.cars.spec import NULL_CAR, CarSpec
from fleet_sim.cars.world import FleetCounts, World
from fleet_sim.runs.injection import end_injections
from fleet_sim.runs.live.driver import LiveDriver
from fleet_sim.runs.live.health import FleetHealth
from fleet_sim.runs.live.waiting import Waiting
from fleet_sim.runs.live.wall_clock import WallClockFollower
from fleet_sim.runs.live.worker_messages import Counts
from fleet_sim.runs.memory import rss_bytes
from fleet_sim.runs.progress import Progress
from fleet_wire.contract.signing import DEMO_SECRET
from fleet_wire.links.brokers import Brokers
from fleet_wire.links.connecting import IdentityOf
from fleet_wire.links.lean.link import LeanLinkFactory
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


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetOptions:
    """The needs of a fleet on a real broker besides its cars."""

    brokers: Brokers
    seed: int
    fleet_secret: str = DEMO_SECRET
    profile: Profile = NATIVE
    tls: ssl.SSLContext | None = None
    identity_of: IdentityOf | None = None
    """Returns who each box is; None: all are the user in `brokers`."""
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
    """The boxes of this process. Make it where the event loop runs."""

    def __init__(self, specs: Sequence[CarSpec], options: FleetOptions) -> None:
        self._options = options
        self.boxes = len(specs)
        """How many there are, without the null box."""
        self._rss_before = rss_bytes()
        self._progress: Progress = Progress()
        self.driver = LiveDriver(asyncio.get_running_loop())
        self.health = FleetHealth(options.brokers, self._note)
        has_several = len(options.brokers.addresses) > 1
        world = World(
            env=self.driver,
            seed=options.seed,
            fleet_secret=options.fleet_secret,
            epoch_unix_s=time.time() - self.driver.now_s(),
            link_factory=self.links(BOX_LINK_LIMITS, identity_of=options.identity_of),
            profile=options.profile,
            defects=self.driver.defects,
            on_movement=options.on_movement,
            on_bad_certificate=options.on_bad_certificate,
            on_no_connection=self.health.record_failure if has_several else None,
        )
        beside = [NULL_CAR] if options.with_null_box else []
        self.fleet = Fleet(world, specs, sms_centre=options.name, beside=beside)
        self.health.follow(self.fleet)
        self.connect_rate_per_s: float | None = None
        self.missing = 0
        """How many boxes were not there yet when `connect` returned."""
        self._watch: asyncio.Task[None] | None = None
        self._wall_clock = WallClockFollower(world, self.driver, self._note)
        self._wall_clock.start()

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
                LeanLinkFactory,
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
        self._progress.note(text)

    @property
    def counts(self) -> FleetCounts:
        """The counts of the boxes."""
        return self.fleet.world.counts

    @property
    def defects(self) -> tuple[int, str | None]:
        """How many defects the model has shown, and the first."""
        return self.driver.defects.count, self.driver.defects.first

    def report(self) -> Counts:
        """Return what there is to report on the boxes now."""
        defects, first_defect = self.defects
        return Counts(
            fleet=self.counts,
            defects=defects,
            first_defect=first_defect,
            rss_bytes=rss_bytes() - self._rss_before,
            last_failure=self.health.last_failure(),
            brokers=self.health.states(),
        )

    @property
    def rss_bytes_per_box(self) -> float | None:
        """Memory that this process has taken since before it had boxes, a box."""
        return self.report().rss_bytes / self.boxes if self.boxes else None

    async def connect(
        self, progress: Progress, stop: asyncio.Event, *, answered: asyncio.Event | None = None
    ) -> None:
        """Start every box and wait until the broker knows them all, or `stop` is set.

        Boxes that have not come when the others are long there are left to come by themselves.
        Raises `BrokerUnreachableError` where the broker is away for `wait_s`, and
        `BrokerRefusedError` where it refuses all for good. In a worker it waits for `answered`
        instead: its parent waits for all together, and reports on boxes and brokers.
        """
        self._progress = progress
        if answered is None:
            self.watch_brokers(progress)
        # Cars live as long as the run: looking through them for garbage would only cost pauses.
        # Connecting leaves none that refers to itself.
        gc.collect()
        gc.disable()
        try:
            with self.driver.present():
                self.fleet.start()
            first_s, last_s = await self._wait_for_all(stop, answered)
        finally:
            gc.freeze()
            gc.enable()
        self.missing = self.boxes - self.counts.known
        if not stop.is_set():
            if self.missing and answered is None:
                progress.note(self.health.going_on_without(self.missing))
            await self.health.settle()
        if self.counts.known:
            self.connect_rate_per_s = self.counts.known / max(last_s - first_s, POLL_S)

    def watch_brokers(self, progress: Progress) -> None:
        """Report to `progress` which of several brokers are away, until `close`."""
        self._progress = progress
        self._watch = asyncio.ensure_future(self.health.watch_brokers())

    async def _wait_for_all(
        self, stop: asyncio.Event, answered: asyncio.Event | None
    ) -> tuple[float, float]:
        """Wait for every box; return when the first was there (or we began), and the last."""
        options, progress = self._options, self._progress
        waiting = Waiting(options.brokers, options.wait_s, progress)
        known, first_s, last_s = 0, None, time.monotonic()
        while known < self.boxes and not stop.is_set():
            await asyncio.sleep(POLL_S)
            now_s = time.monotonic()
            if self.counts.known > known:
                known, last_s = self.counts.known, now_s
                first_s = first_s or now_s - POLL_S
                progress.connecting(known, self.boxes)
            elif not known and answered is None:
                waiting.check(now_s, self.counts.last_end, self.counts.last_end_of)
            elif not known and answered is not None and not answered.is_set():
                last_s = now_s
            elif now_s - last_s >= SETTLE_S:
                break
        return first_s or last_s, last_s

    def away(self) -> str:
        """Return how many boxes are neither connected nor asleep, and why; "" for none."""
        return self.health.away(self.boxes)

    def end_injections(self) -> None:
        """Record what faults are still at work on."""
        with self.driver.present():
            end_injections(self.fleet)

    async def close(self, leaving: Leaving | None = None) -> None:
        """Record what faults are still at work on, let time stand still, and leave the broker.

        Every box says `shutdown` then, if somebody may hear it: see `FleetOptions.says_goodbye`.
        """
        if self._watch is not None:
            self._watch.cancel()
        self.end_injections()
        self._wall_clock.stop()
        self.driver.stop()
        if not self._options.says_goodbye:
            return
        leaving = leaving or Leaving(self._progress, self.counts.reachable)
        boxes = [*self.fleet.boxes.values()]
        for first in range(0, len(boxes), GOODBYES_AT_ONCE):
            with self.driver.present():
                for box in boxes[first : first + GOODBYES_AT_ONCE]:
                    try:
                        box.modem.shut_down()
                    except Exception as error:  # noqa: BLE001 - a defect keeps none of the others back
                        self.driver.defects.note(error)
            leaving.show(self.counts.reachable)
            await asyncio.sleep(0)
        with self.driver.present():
            self.fleet.sms_centre.client.link.disconnect()
        await asyncio.sleep(GOODBYE_S)


class Leaving:
    """Shows how many of so many boxes have not left their broker yet, if they need long."""

    def __init__(self, progress: Progress, boxes: int) -> None:
        self._progress = progress
        self._boxes = boxes
        self._since_s = time.monotonic()

    def show(self, left: int) -> None:
        """Show that so many are still there."""
        if self._boxes and time.monotonic() - self._since_s >= SHOWN_AFTER_S:
            self._progress.leaving(self._boxes - left, self._boxes)


def _car_of(handler: LinkHandler) -> str | None:
    """Return whose link it is, where it is a car's."""
    return handler.vehicle_id if isinstance(handler, Modem) else None
