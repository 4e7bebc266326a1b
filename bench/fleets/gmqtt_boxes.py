"""A gmqtt client per box on uvloop, which sets TCP_NODELAY; gmqtt offers no source address."""

from __future__ import annotations

import asyncio
from typing import Any

import gmqtt
import uvloop

from bench.fleets.common import (
    EXECUTED,
    KEEPALIVE_S,
    FleetOptions,
    Reporter,
    connect_all,
    stop_event,
    vehicle_id,
)


def run(options: FleetOptions) -> None:
    """Run the fleet until SIGTERM."""
    uvloop.run(_run(options))


async def _run(options: FleetOptions) -> None:
    stop = stop_event()
    reporter = Reporter()
    clients: list[Any] = []

    async def connect(index: int) -> None:
        vehicle = vehicle_id(index)
        result_topic = f"cars/{vehicle}/result"
        subscribed = asyncio.Event()
        client = gmqtt.Client(vehicle)
        clients.append(client)

        def on_message(client: Any, *_: Any) -> None:
            client.publish(result_topic, EXECUTED, qos=1)
            reporter.answered += 1

        client.on_message = on_message
        client.on_subscribe = lambda *_: subscribed.set()
        await client.connect(options.host, options.port, keepalive=KEEPALIVE_S)
        client.subscribe(f"cars/{vehicle}/command", qos=1)
        await subscribed.wait()

    await connect_all(options.count, connect)
    reporter.all_connected(len(clients))
    await stop.wait()
    reporter.stopped()
