"""A gmqtt client per box on uvloop, which sets TCP_NODELAY; gmqtt offers no source address."""

from __future__ import annotations

import asyncio
from typing import Any

import gmqtt
import uvloop

from bench.fleets.common import (
    EXECUTED,
    KEEPALIVE_S,
    FleetArguments,
    Reporter,
    connect_all,
    stop_event,
    vehicle_id_of,
)


def run(arguments: FleetArguments) -> None:
    """Run the fleet until SIGTERM."""
    uvloop.run(_run(arguments))


async def _run(arguments: FleetArguments) -> None:
    stop = stop_event()
    reporter = Reporter()
    clients: list[Any] = []

    async def connect(index: int) -> None:
        vehicle_id = vehicle_id_of(index)
        result_topic = f"cars/{vehicle_id}/result"
        subscribed = asyncio.Event()
        client = gmqtt.Client(vehicle_id)
        clients.append(client)

        def on_message(client: Any, *_: Any) -> None:
            client.publish(result_topic, EXECUTED, qos=1)
            reporter.answered += 1

        client.on_message = on_message
        client.on_subscribe = lambda *_: subscribed.set()
        await client.connect(arguments.host, arguments.port, keepalive=KEEPALIVE_S)
        client.subscribe(f"cars/{vehicle_id}/command", qos=1)
        await subscribed.wait()

    await connect_all(arguments.count, connect)
    reporter.all_connected(len(clients))
    await stop.wait()
    reporter.stopped()
