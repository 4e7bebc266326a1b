"""Clients of the broker that are no car's and no platform's, for faults that need one."""

from __future__ import annotations

from collections.abc import Callable

from fleet_sim.cars.service_client import ServiceClient
from fleet_sim.faults.registry import Injection
from fleet_wire.links.link import Message, Session
from fleet_wire.links.reconnect import ReconnectPolicy

RETRY = ReconnectPolicy(full_jitter=False, base_s=1.0, jitter_s=0.0)


def outsider(
    client_id: str,
    injection: Injection,
    *,
    subscriptions: tuple[str, ...] = (),
    on_message: Callable[[Message], None] = lambda _message: None,
) -> ServiceClient:
    """Return a client of no car, not connected yet. Its messages wait for a connection."""
    return ServiceClient(
        injection.world,
        Session(client_id, subscriptions=subscriptions, clean_start=True),
        reconnect=RETRY,
        stream=injection.stream_of(client_id),
        on_message=on_message,
    )
