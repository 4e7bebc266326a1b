"""An aiomqtt client and a task per box on uvloop, with TCP_NODELAY."""

from __future__ import annotations

import asyncio
import socket

import aiomqtt
import uvloop

from bench.fleets.common import (
    EXECUTED,
    KEEPALIVE_S,
    FleetArguments,
    Reporter,
    connect_all,
    source_address,
    stop_event,
    vehicle_id_of,
)

_TIMEOUT_S = 60.0


def run(arguments: FleetArguments) -> None:
    """Run the fleet until SIGTERM."""
    uvloop.run(_run(arguments))


async def _run(arguments: FleetArguments) -> None:
    stop = stop_event()
    reporter = Reporter()
    tasks: set[asyncio.Task[None]] = set()

    async def box(index: int, subscribed: asyncio.Event) -> None:
        vehicle_id = vehicle_id_of(index)
        client = aiomqtt.Client(
            arguments.host,
            arguments.port,
            identifier=vehicle_id,
            protocol=aiomqtt.ProtocolVersion.V5,
            timeout=_TIMEOUT_S,
            keepalive=KEEPALIVE_S,
            bind_address=source_address(index),
            socket_options=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],
        )
        async with client:
            await client.subscribe(f"cars/{vehicle_id}/command", qos=1)
            subscribed.set()
            async for _ in client.messages:
                await client.publish(f"cars/{vehicle_id}/result", EXECUTED, qos=1)
                reporter.answered += 1

    async def connect(index: int) -> None:
        subscribed = asyncio.Event()
        tasks.add(asyncio.create_task(box(index, subscribed)))
        await subscribed.wait()

    await connect_all(arguments.count, connect)
    reporter.all_connected(len(tasks))
    await stop.wait()
    reporter.stopped()
