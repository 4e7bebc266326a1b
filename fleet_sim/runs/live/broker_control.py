"""Turns boxes away at private mosquittos while they run."""

from __future__ import annotations

from collections.abc import Sequence

from fleet_sim.broker.access import BrokerAccess
from fleet_sim.broker.control import BrokerControl
from fleet_sim.broker.process import BrokerProcess
from fleet_sim.cars.modem import Modem
from fleet_wire.links.connecting import Identity
from fleet_wire.links.link import LinkHandler

_NOBODY = Identity(username="nobody", password="")
"""A user whom the broker does not know. The answer equals that of a broker that cannot check
users."""


class MosquittoControl(BrokerControl):
    """Turns boxes away by access rules that are read anew, and by a name that nobody has."""

    def __init__(self, brokers: Sequence[BrokerProcess], access: BrokerAccess) -> None:
        super().__init__()
        self._brokers = brokers
        self._access = access

    def apply(self) -> None:
        """Write the access rules, and let the brokers read them; they do at once."""
        topics = [each for filters in self.denied.values() for each in filters]
        self._access.deny(boxes=topics, everybody=self.closed)
        for broker in self._brokers:
            broker.reload()

    def identity_of(self, handler: LinkHandler) -> Identity | None:
        """Return who a box is at its next connect; None: it comes without a name, as all do."""
        if isinstance(handler, Modem) and handler.vehicle_id in self.refused:
            return _NOBODY
        return None
