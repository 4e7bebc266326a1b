"""What the broker model says where there is no client that could be told apart."""

from __future__ import annotations

import pytest

from fleet_sim.broker.model.log import connected
from fleet_wire.contract.broker_log import BROKER_LOG, BrokerEventKind, broker_event_of
from fleet_wire.links.link import Session
from tests.helpers.harness import Clients, ModelHarness

KIND = BrokerEventKind


@pytest.mark.parametrize(
    ("is_expired", "alert"), [(True, "certificate expired"), (False, "bad certificate")]
)
async def test_a_certificate_that_a_client_does_not_take(is_expired: bool, alert: str) -> None:  # noqa: FBT001
    """The alert, and that somebody was thrown out; nobody knows who."""
    harness = ModelHarness()
    clients = Clients(harness)
    monitor = await clients.connected("monitor", BROKER_LOG)
    harness._broker.bad_certificate(is_expired)
    await harness.until(lambda: len(monitor.messages) == 2)
    events = [broker_event_of(message.payload, 0.0) for message in monitor.messages]
    assert [event and (event.kind, event.client_id) for event in events] == [
        (KIND.TLS_ERROR, None),
        (KIND.PROTOCOL_ERROR, None),
    ]
    assert events[0] is not None
    assert alert in (events[0].detail or "")


@pytest.mark.parametrize(("is_v5", "version"), [(True, 5), (False, 2)])
def test_a_connection_has_the_version_that_mosquitto_writes(is_v5: bool, version: int) -> None:  # noqa: FBT001
    """MQTT 3.1.1 is protocol level 4, and mosquitto's log calls it 2."""
    line = connected(Session("car-1", keepalive_s=9), is_v5=is_v5)
    assert line.sentence.endswith(f" as car-1 (p{version}, c0, k9).")
