"""Cars on the broker model, in time that passes when a test says so."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

from fleet_sim.broker.model.broker import BrokerLimits, BrokerModel
from fleet_sim.cars.disturbance import BOX_LINK_LIMITS
from fleet_sim.cars.fleet import Fleet
from fleet_sim.cars.spec import CarSpec
from fleet_sim.cars.world import World
from fleet_sim.runs.virtual.time import (
    EPOCH_UNIX_S,
    VirtualClock,
    VirtualEnvironment,
)
from fleet_wire.contract.signing import DEMO_SECRET
from fleet_wire.links.link import LinkFactory, LinkLimits, Session
from fleet_wire.profiles.native import NATIVE
from fleet_wire.profiles.profile import Profile
from tests.helpers.recorder import Recorder


class VirtualFleet:
    """Cars that are not started, their broker, and the time of both."""

    def __init__(
        self,
        specs: Iterable[CarSpec],
        *,
        profile: Profile = NATIVE,
        limits: BrokerLimits | None = None,
        **world: Any,
    ) -> None:
        self.env = VirtualEnvironment()
        self.clock = VirtualClock(self.env)
        self.broker = BrokerModel(self.env, limits=limits)
        self.profile = profile
        its: dict[str, Any] = {"seed": 1, "fleet_secret": DEMO_SECRET, "epoch_unix_s": EPOCH_UNIX_S}
        links = self.links(BOX_LINK_LIMITS)
        self.world = World(env=self.env, link_factory=links, profile=profile, **its | world)
        self.broker.on_handler_error = self.world.defects.note
        self.fleet = Fleet(self.world, [*specs], sms_centre="sms-centre")

    def links(self, limits: LinkLimits | None = None) -> LinkFactory:
        """Return what makes links to the broker, in the fleet's version of MQTT."""
        return partial(self.broker.link, limits=limits, protocol=self.profile.traits.mqtt)

    def client(self, *filters: str, client_id: str = "listener") -> Recorder:
        """Return a client that connects; what is retained comes to it first."""
        client = Recorder(self.links(), Session(client_id, filters, clean_start=True))
        client.link.connect()
        return client

    def let_pass(self, duration_s: float) -> None:
        """Let time pass; a defect of the model fails the test."""
        self.env.run_to(self.env.now + duration_s, self.world.defects)
        self.world.defects.check()
