"""Sets up the broker model, and turns boxes away at it."""

from __future__ import annotations

from fleet_sim.broker.control import BrokerControl, BrokerSettings
from fleet_sim.broker.model.broker import BrokerLimits, BrokerModel
from fleet_sim.broker.model.subscriptions import filter_pattern


def limits_of(asked: BrokerSettings) -> BrokerLimits:
    """Return the limits that a private mosquitto would have (see `broker.process`)."""
    return BrokerLimits(max_inflight_messages=0, max_queued_messages=asked.max_queued_messages or 0)


class ModelControl(BrokerControl):
    """Turns boxes away at one broker model."""

    def __init__(self, broker: BrokerModel) -> None:
        super().__init__()
        self._broker = broker

    def apply(self) -> None:
        """Set the broker's access rules."""
        self._broker.refused = self.refused
        denied = {
            client_id: [filter_pattern(each) for each in filters]
            for client_id, filters in self.denied.items()
        }

        def may_read(client_id: str, topic: str) -> bool:
            return not any(each.fullmatch(topic) for each in denied.get(client_id, ()))

        self._broker.router.may_read = may_read if denied else None
        closed = [filter_pattern(each) for each in self.closed]

        def may_publish(_client_id: str, topic: str) -> bool:
            return not any(each.fullmatch(topic) for each in closed)

        self._broker.may_publish = may_publish if closed else None
