"""The operator's SMS centre: turns wake requests into SMS, which come late or never."""

from __future__ import annotations

from collections.abc import Mapping

from fleet_sim.cars.box import Box
from fleet_sim.cars.world import World
from fleet_wire.contract.topics import TopicKind
from fleet_wire.errors import RemoteProtocolError
from fleet_wire.links.link import Disconnected, Message, Session
from fleet_wire.links.reconnect import ReconnectPolicy
from fleet_wire.profiles.profile import contents_of

RECONNECT = ReconnectPolicy(base_s=0.5, cap_s=5.0)
"""The centre stands in a data centre and comes back quickly."""


class SmsCentre:
    """Listens for wake requests, where a fleet has them.

    Implements `fleet_wire.links.link.LinkHandler`.
    """

    def __init__(self, world: World, boxes: Mapping[str, Box], *, name: str) -> None:
        self._world = world
        self._boxes = boxes
        self._name = name
        self._failures = 0
        self._stream = world.stream("sms-centre")
        self._link = world.link_factory(self)
        self.last_end: Disconnected | None = None
        """Why it is not connected; None while it is, and before the first try has failed."""

    def start(self) -> None:
        """Connect to the broker; a fleet that has no wake requests needs no centre."""
        if self._world.profile.filters((TopicKind.WAKE,)):
            self._link.connect()

    def leave(self) -> None:
        """Disconnect for good."""
        self._link.disconnect()

    @property
    def is_connected(self) -> bool:
        """Whether wake requests reach it."""
        return self._link.is_connected

    def session(self) -> Session:
        """Return what to say in CONNECT: no session is kept, old wake requests are worthless."""
        return Session(
            client_id=self._name,
            subscriptions=self._world.profile.filters((TopicKind.WAKE,)),
            clean_start=True,
            keepalive_s=30,
        )

    def on_connected(self, *, session_present: bool) -> None:  # noqa: ARG002 - LinkHandler's form
        """Nothing to say."""
        self._failures = 0
        self.last_end = None

    def on_disconnected(self, reason: Disconnected) -> None:
        """Connect again."""
        self.last_end = reason
        self._world.later(RECONNECT.delay_s(self._failures, self._stream), self._link.connect)
        self._failures += 1

    def on_message(self, message: Message) -> None:
        """Send the SMS, unless the network loses it."""
        self._link.acknowledge(message)
        try:
            vehicle_id, _ = next(contents_of(self._world.profile, message))
        except RemoteProtocolError:
            self._world.counts.malformed += 1
            return
        box = self._boxes.get(vehicle_id)
        if box is not None:  # a car of another fleet process is not ours to wake
            box.send_sms()
