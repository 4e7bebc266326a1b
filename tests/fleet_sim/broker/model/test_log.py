"""What the broker model says where there is no client that could be told apart."""

from __future__ import annotations

import pytest

from fleet_wire.contract.broker_log import BROKER_LOG, BrokerEventKind, broker_event_of
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
