"""The operator's SMS centre: turns wake requests into SMS, which come late or never."""

from __future__ import annotations

from collections.abc import Mapping

from fleet_sim.cars.box import Box
from fleet_sim.cars.service_client import ServiceClient
from fleet_sim.cars.world import World
from fleet_wire.contract.topics import TopicKind
from fleet_wire.errors import RemoteProtocolError
from fleet_wire.links.link import Message, Session
from fleet_wire.links.reconnect import ReconnectPolicy
from fleet_wire.profiles.profile import contents_of

RECONNECT = ReconnectPolicy(base_s=0.5, cap_s=5.0)
"""The centre stands in a data centre and comes back quickly."""


class SmsCentre:
    """Listens for wake requests, where a fleet has them."""

    def __init__(self, world: World, boxes: Mapping[str, Box], *, name: str) -> None:
        self._world = world
        self._boxes = boxes
        self._filters = world.profile.filters((TopicKind.WAKE,))
        # No session is kept: old wake requests are worthless.
        session = Session(name, subscriptions=self._filters, clean_start=True, keepalive_s=30)
        self.client = ServiceClient(
            world,
            session,
            reconnect=RECONNECT,
            stream=world.stream("sms-centre"),
            on_message=self._send_sms,
        )

    def start(self) -> None:
        """Connect to the broker; a fleet that has no wake requests needs no centre."""
        if self._filters:
            self.client.connect()

    def _send_sms(self, message: Message) -> None:
        """Send the SMS, unless the network loses it."""
        try:
            vehicle_id, _ = next(contents_of(self._world.profile, message))
        except RemoteProtocolError:
            self._world.counts.malformed += 1
            return
        box = self._boxes.get(vehicle_id)
        if box is not None:  # a car of another fleet process is not ours to wake
            box.send_sms()
