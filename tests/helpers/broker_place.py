"""The broker model in virtual time, and clients of it that keep all that comes."""

from __future__ import annotations

from fleet_sim.broker.model.broker import HOP_S, BrokerLimits, BrokerModel
from fleet_wire.links.link import LinkLimits, Session
from tests.helpers.recorder import Recorder
from tests.helpers.virtual_scheduler import VirtualScheduler


class Place:
    """A broker in virtual time, and its clients."""

    def __init__(
        self,
        *,
        hop_s: float = HOP_S,
        limits: BrokerLimits | None = None,
    ) -> None:
        self.time = VirtualScheduler()
        self.broker = BrokerModel(self.time, hop_s=hop_s, limits=limits)

    def client(
        self, client_id: str, *filters: str, limits: LinkLimits | None = None, **session: object
    ) -> Recorder:
        """Return a client that is not connected."""
        return Recorder(
            lambda handler: self.broker.link(handler, limits),
            Session(client_id, filters, **session),  # type: ignore[arg-type]
        )

    def connected(
        self, client_id: str, *filters: str, limits: LinkLimits | None = None, **session: object
    ) -> Recorder:
        """Return a client that is connected."""
        client = self.client(client_id, *filters, limits=limits, **session)
        self.connect(client)
        return client

    def connect(self, client: Recorder) -> None:
        """Connect a client."""
        client.link.connect()
        self.time.run_until(lambda: client.link.is_connected)
