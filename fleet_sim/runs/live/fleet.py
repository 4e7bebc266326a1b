"""A fleet on a real broker: the boxes of one process, stepped by asyncio."""

from __future__ import annotations

import asyncio
import gc
import ssl
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
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
from fleet_sim.runs.live.wall_clock import WallClockFollower
from fleet_sim.runs.live.worker_messages import Counts
from fleet_sim.runs.memory import rss_bytes
from fleet_wire.contract.signing import DEMO_SECRET
from fleet_wire.links.brokers import Brokers
from fleet_wire.links.connecting import IdentityOf
from fleet_wire.links.lean.link import LeanLinkFactory
from fleet_wire.links.link import LinkFactory, LinkHandler, LinkLimits
from fleet_wire.links.several import OnBroker, spread_links
from fleet_wire.profiles.native import NATIVE
from fleet_wire.profiles.profile import Profile, vehicle_of_topic

GOODBYE_S = 0.1
"""For the last goodbyes to leave."""
GOODBYES_AT_ONCE = 200
"""They take some 20 ms; then others have their turn."""


def _nothing() -> None:
    """Show nothing."""


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

    def __init__(
        self, specs: Sequence[CarSpec], options: FleetOptions, note: Callable[[str], None]
    ) -> None:
        self._options = options
        self.boxes = len(specs)
        """How many there are, without the null box."""
        self._rss_before = rss_bytes()
        self.driver = LiveDriver(asyncio.get_running_loop())
        self.health = FleetHealth(options.brokers, note)
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
        self._wall_clock = WallClockFollower(world, self.driver, note)
        self._wall_clock.start()

    def links(
        self,
        limits: LinkLimits,
        *,
        identity_of: IdentityOf | None = None,
        brokers: Brokers | None = None,
        on_broker: OnBroker | None = None,
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
            on_broker=on_broker,
        )

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
            at=time.monotonic(),
            fleet=self.counts,
            defects=defects,
            first_defect=first_defect,
            rss_bytes=rss_bytes() - self._rss_before,
            brokers=self.health.states(),
        )

    @contextmanager
    def connecting(self) -> Iterator[None]:
        """Start every box; leave the block when they are connected, as far as they will be.

        Cars live as long as the run: looking through them for garbage would only cost pauses.
        Connecting leaves none that refers to itself.
        """
        gc.collect()
        gc.disable()
        try:
            with self.driver.present():
                self.fleet.start()
            yield
        finally:
            gc.freeze()
            gc.enable()

    async def close(self, show: Callable[[], None] = _nothing) -> None:
        """Record what faults are still at work on, let time stand still, and leave the broker.

        Every box says `shutdown` then, if somebody may hear it: see `FleetOptions.says_goodbye`.
        `show` is called over and over meanwhile.
        """
        with self.driver.present():
            end_injections(self.fleet)
        self._wall_clock.stop()
        self.driver.stop()
        if not self._options.says_goodbye:
            return
        boxes = [*self.fleet.boxes.values()]
        for first in range(0, len(boxes), GOODBYES_AT_ONCE):
            with self.driver.present():
                for box in boxes[first : first + GOODBYES_AT_ONCE]:
                    try:
                        box.modem.shut_down()
                    except Exception as error:  # noqa: BLE001 - a defect keeps none of the others back
                        self.driver.defects.note(error)
            show()
            await asyncio.sleep(0)
        with self.driver.present():
            self.fleet.sms_centre.client.link.disconnect()
        await asyncio.sleep(GOODBYE_S)


def _car_of(handler: LinkHandler) -> str | None:
    """Return whose link it is, where it is a car's."""
    return handler.vehicle_id if isinstance(handler, Modem) else None
