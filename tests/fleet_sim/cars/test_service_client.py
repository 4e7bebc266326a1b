"""The connection of a service of the fleet's."""

from __future__ import annotations

from fleet_sim.cars.service_client import ServiceClient
from fleet_wire.links.link import EndReason, Session
from fleet_wire.links.reconnect import ReconnectPolicy
from fleet_wire.randomness import RandomStream
from tests.helpers.fake_link import FakeLink, bench


def test_it_connects_again_until_it_leaves_for_good() -> None:
    """What it had planned before does not bring it back."""
    car = bench(start=False)
    client = ServiceClient(
        car.world,
        Session("service"),
        reconnect=ReconnectPolicy(base_s=1.0, cap_s=1.0),
        stream=RandomStream.named(1, "service"),
        on_message=lambda _: None,
    )
    link = client.link
    assert isinstance(link, FakeLink)
    client.connect()
    link.lose(EndReason.BROKER_CLOSED)
    car.env.run(until=5.0)
    assert link.calls == ["connect", "connect"]
    link.lose(EndReason.BROKER_CLOSED)
    client.leave()
    car.env.run(until=10.0)
    assert link.calls == ["connect", "connect", "disconnect"]
